"""A reshape: no hardware of its own where a change of names does it, else the cores of ``reshape``."""

from __future__ import annotations

from .role import ReshapeRole

ROLE = ReshapeRole()
