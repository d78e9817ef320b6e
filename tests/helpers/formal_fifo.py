"""What the buffer behind every core promises, for a proof."""

from __future__ import annotations

from formal import Harness, instance

from bitsmith.hw.rtl.fifo import Fifo

PORTS = ("room", "reserve", "w_tvalid", "w_tdata", "r_tvalid", "r_tready", "r_tdata")


def fifo_harness(fifo: Fifo) -> Harness:
    """Whoever writes takes only room that is granted, and sends as many beats as it took places, whenever it likes.

    One beat of all is marked, any one, and told from the others by how many stand in front of it: what holds for it
    holds for every beat. A buffer that is not empty shows its oldest beat in every cycle, and room says exactly what
    is free: so nothing in it can wait for anything but its reader, and nobody waits for it while a place is free.
    """
    h = Harness({"take": 1, "arrives": 1, "mark": 1, "r_tready": 1, "w_tdata": fifo.width})
    count, width = (fifo.depth + 1).bit_length(), fifo.width
    h.body.append(f"wire room, r_tvalid; wire [{width - 1}:0] r_tdata;")
    h.wire("reserve", "take & room")
    h.wire("w_tvalid", "arrives & (coming != 0 | reserve)")
    h.wire("pop", "r_tvalid & r_tready")
    h.body.append(instance("fifo", *PORTS))
    h.register("held", count, "held + w_tvalid - pop")
    h.register("coming", count, "coming + reserve - w_tvalid")
    h.wire("marks", "mark & w_tvalid & ~marked")
    h.register("marked", 1, "marked | marks")
    h.register("gone", 1, "gone | (marked & pop & ahead == 0)")
    h.register("ahead", count, "marks ? held - pop : pop & ahead != 0 ? ahead - 1 : ahead")
    h.register("value", width, "marks ? w_tdata : value")
    h.register("waited", 1, "r_tvalid & ~r_tready")
    h.register("waiting", width, "r_tdata")
    h.properties = {
        "room says what is free": f"room == (held + coming < {fifo.depth})",
        "a beat can be read in the next cycle, and nothing else": "r_tvalid == (held != 0)",
        "a beat that waits stays as it is": "!waited || (r_tvalid && r_tdata == waiting)",
        "every beat comes once, in order": "!(marked && !gone && ahead == 0) || (r_tvalid && r_tdata == value)",
        "no more beats than places": f"held + coming <= {fifo.depth}",
    }
    return h
