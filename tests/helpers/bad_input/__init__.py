"""Broken models, configurations, data and build folders, through the real commands: ``make bad-input``.

``good.py`` makes what is whole, ``mutate.py`` damages it by chance, ``models.py``, ``configs.py``, ``arrays.py`` and
``builds.py`` by hand; ``drawn.py`` draws cases. ``forked.py`` runs a command in a child with limits, ``judge.py`` says
what is wrong with its answer.
"""
