"""What the garbage collector looks at: the tests' objects, not the modules of TensorFlow again and again.

A whole collection with TensorFlow loaded takes half a second, and Keras asks for one at every ``clear_session``.
Modules stay until the process ends, so what is there once they are loaded can be left out of every later collection.
"""

from __future__ import annotations

import gc
import sys

OBJECTS = 50_000  # made before the youngest are looked at; Python's 700 is for processes with little memory
MODULES = 150  # loaded since the last time before it is done again: a library, not a test's own few


class Frozen:
    """How many modules there were when the collector was last told to leave what there is alone."""

    modules = 0


def collect_seldom() -> None:
    """Fewer collections from here on."""
    gc.set_threshold(OBJECTS, 20, 20)


def freeze_libraries() -> None:
    """Where a library was loaded: collect what is garbage now, and look at nothing that is left from here on."""
    if len(sys.modules) >= Frozen.modules + MODULES:
        gc.collect()
        gc.freeze()
        Frozen.modules = len(sys.modules)
