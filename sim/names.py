"""Safe, unique identifiers: good in Verilog, C++, Python and Tcl alike, whatever a model calls its layers."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container

MAX_LENGTH = 48
"""Long enough to recognize; short enough for file names and generated ports."""

_VERILOG = """
always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins binsof bit break
buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const constraint context
continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge else end endcase
endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event eventually expect export
extends extern final first_match for force foreach forever fork forkjoin function generate genvar global highz0 highz1
if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input inside instance
int integer interconnect interface intersect join join_any join_none large let liblist library local localparam logic
longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor noshowcancelled not
notif0 notif1 null or output package packed parameter pmos posedge primitive priority program property protected pull0
pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime
ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime
s_until s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify specparam
static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this
throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order wand weak weak0
weak1 while wildcard wire with within wor xnor xor
"""
_CPP = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long main mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
requires return short signed sizeof static static_assert static_cast std struct switch template this thread_local
throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor xor_eq nnet hls
"""
_OTHER = "aclk aresetn clk rst threshold tlast_error top proc set expr puts source self"

RESERVED = frozenset((*_VERILOG.split(), *_CPP.split(), *_OTHER.split(), *(k.lower() for k in keyword.kwlist)))
"""No tensor, module or file of ours is called like this."""

TRACE, FIFOS = "_trace", "_fifos"
"""Behind a graph's name: its tracing top, and the file of its FIFOs."""

_SAFE = re.compile(r"[a-z][a-z0-9_]*")


def is_safe(name: str) -> bool:
    """Whether ``name`` is ``[a-z][a-z0-9_]*``, not too long and reserved nowhere."""
    return bool(_SAFE.fullmatch(name)) and len(name) <= MAX_LENGTH and name not in RESERVED


def safe_name(label: str, taken: Container[str] = ()) -> str:
    """A safe identifier as near as possible to ``label`` and not in ``taken``: 'a; exit' gives 'a_exit'."""
    base = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[: MAX_LENGTH - 8].rstrip("_")
    if not base or not base[0].isalpha():
        base = f"layer_{base}".rstrip("_")
    if base in RESERVED:
        base = f"{base}_layer"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def unused(name: str, taken: Container[str]) -> str:
    """A safe ``name``, whole, with as many underscores behind it as it takes not to be in ``taken``."""
    while name in taken:
        name += "_"
    return name
