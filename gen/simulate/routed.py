"""What nextpnr placed and routed, as Verilog's cells: its JSON brought into a form that Yosys and models can read.

An input that a cell leaves open is no open input of the device: the packer took the constant away, and the bitstream
gives it back, by a parameter ``<PIN>MUX`` or by what the fabric gives to an open wire. Here each gets its constant.
"""

from __future__ import annotations

from typing import Any

from ...sim.errors import BitsmithError

Cell = dict[str, Any]
LUT_INPUTS = ("A", "B", "C", "D")
INVERTED = "INV"
HIGH = ("CEA", "CEB", "OCEA", "OCEB")
"""A block RAM's inputs that are high where nothing is said of them."""
MODELLED = ("CLKA", "CLKB")
"""A block RAM's inputs whose inversion its model knows."""
INPUTS = {
    "DP16KD": (
        *(f"{name}{port}" for port in "AB" for name in ("CLK", "CE", "OCE", "WE", "RST")),
        *(f"CS{port}{k}" for port in "AB" for k in range(3)),
        *(f"AD{port}{k}" for port in "AB" for k in range(14)),
        *(f"DI{port}{k}" for port in "AB" for k in range(18)),
    ),
    "MULT18X18D": tuple(f"{port}{k}" for port in "ABC" for k in range(18)),
}


def closed(netlist: dict[str, Any]) -> dict[str, Any]:
    """nextpnr's JSON with every constant at its input, pads named by their direction; BitsmithError for another tool's.

    The one module stays as it is otherwise, name included.
    """
    try:
        (module,) = netlist["modules"].values()
        for name, cell in module["cells"].items():
            _close(name, cell)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BitsmithError(f"nextpnr wrote a netlist of another form ({type(error).__name__}: {error})") from error
    return netlist


def module_name(netlist: dict[str, Any]) -> str:
    """What nextpnr calls the one module."""
    return str(next(iter(netlist["modules"])))


def _close(name: str, cell: Cell) -> None:
    kind = cell["type"]
    if kind == "TRELLIS_IO":
        cell["type"] = f"{kind}_{_text(cell, 'DIR')}"
    elif kind == "TRELLIS_COMB":
        for pin in LUT_INPUTS:  # an open wire of the fabric is high
            _tie(cell, pin, "1")
        odd = cell["attributes"]["NEXTPNR_BEL"].endswith("1")
        cell["parameters"]["ODD"] = f"{int(odd):032b}"
    elif kind == "TRELLIS_FF":
        _tie(cell, "LSR", str(int(_text(cell, "LSRMUX") == INVERTED)))  # open, it resets nothing
    elif kind in INPUTS:
        for pin in INPUTS[kind]:
            _tie(cell, pin, _constant(name, cell, pin))
            if pin not in MODELLED:
                cell["parameters"].pop(f"{pin}MUX", None)


def _constant(name: str, cell: Cell, pin: str) -> str:
    """What the input of a block is where it is open; its multiplexer stands behind a wire that is high."""
    given = _text(cell, f"{pin}MUX")
    if given == INVERTED and cell["connections"].get(pin) and pin not in MODELLED:
        raise BitsmithError(f"nextpnr's '{name}' has an inverted {pin}, which its model does not know")
    if given in ("0", "1"):
        return given
    high = given == pin or (not given and pin in HIGH) or (given == INVERTED and pin in MODELLED)
    return str(int(high))


def _text(cell: Cell, parameter: str) -> str:
    return str(cell["parameters"].get(parameter, "")).strip()


def _tie(cell: Cell, pin: str, constant: str) -> None:
    if not cell["connections"].get(pin):
        cell["connections"][pin] = [constant]
        cell["port_directions"][pin] = "input"
