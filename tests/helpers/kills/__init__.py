"""Commands that are killed at a random time: ``make kills``. ``task.py`` has the commands, ``trial.py`` one kill."""
