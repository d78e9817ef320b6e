"""The weight headers: one list of numbers in each, for synthesis and for simulation alike.

hls4ml initializes a weight array from its list directly, which takes g++ minutes for a few thousand of them, and so
lets a simulation read a text file beside the header instead. Here both use the list in the header: what is simulated is
what is built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_HEADER = """#ifndef {guard}_H_
#define {guard}_H_

// {name}: shape {shape}
#define {guard}_VALUES \\
{values}

#ifdef __SYNTHESIS__
{definition} = {{{guard}_VALUES}};
#else
{definition};
static const double {name}_values[] = {{{guard}_VALUES}};
static const bool {name}_filled = bitsmith::fill({name}, {name}_values, {size});
#endif

#endif
"""
_PER_LINE = 16


def write_weights(model: Any, folder: Path) -> None:
    """``<name>.h`` for every weight array of hls4ml's ``model``."""
    for weight in model.get_weight_variables():
        numbers = list(weight)
        lines = [", ".join(numbers[i : i + _PER_LINE]) for i in range(0, len(numbers), _PER_LINE)]
        text = _HEADER.format(
            guard=weight.name.upper(),
            name=weight.name,
            shape=weight.shape,
            values=", \\\n".join(f"    {line}" for line in lines),
            definition=weight.definition_cpp(),
            size=len(numbers),
        )
        (folder / f"{weight.name}.h").write_text(text, encoding="ascii")
