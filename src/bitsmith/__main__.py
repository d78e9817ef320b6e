"""``python -m bitsmith``."""

from .cli import run

run()
