"""The command line. Each command is a module here; what it does lives in ``gen`` and ``models``."""

from .main import run

__all__ = ["run"]
