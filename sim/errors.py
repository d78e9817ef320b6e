"""The one exception that a user is meant to read."""


class BitsmithError(Exception):
    """Bad input: one line that names the cause and the cure.

    The command line prints it as ``error: …`` and exits with status 2; it is never shown as a traceback.
    """


class TooWide(BitsmithError):
    """A value would need more bits than a type can have; the caller, who knows the layer, adds the cure."""


def install_extra(name: str) -> str:
    """How to get an extra of pyproject.toml: Bitsmith is on no package index, so from its own folder."""
    return f"in Bitsmith's own folder: pip install '.[{name}]', or make .venv/.test"
