"""Measured decays: PicoQuant's PTU, Becker & Hickl's SDT, and TIFF stacks, as counts per pixel and time.

The three formats are read by Christoph Gohlke's ptufile, sdtfile and tifffile. What the network takes is made of them
by :mod:`.prepare`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ...gen.files.input_file import check_file
from ...sim.errors import BitsmithError, install_extra

Counts = NDArray[Any]

LARGEST = 2**31
"""Most values of a stack, 512x512 pixels with 8,192 samples: a damaged header must not claim all memory."""
LATE = 0.01
"""The largest part of the photons that may come behind the laser's period; measured files have less than 1e-4."""
TIME_AXES = "TH"
"""What a TIFF may call its time axis; H is the histogram of PicoQuant's and PhasorPy's files."""


@dataclass(frozen=True)
class Stack:
    """Counts (height, width, samples), the time between two samples in ns, and the file's name."""

    counts: Counts
    step_ns: float
    name: str


@dataclass(frozen=True)
class _Options:
    time_axis: str | None
    step_ns: float | None
    channel: int


def read_stack(
    path: Path | str, *, time_axis: str | None = None, step_ns: float | None = None, channel: int = 0
) -> Stack:
    """The decays in a .ptu, .sdt, .tif or .tiff file.

    A TIFF does not say its ``step_ns``, so that must be given, and the ``time_axis`` ("first" or "last") too where none
    is named T or H; the other two formats say both. ``channel`` counts the detectors of a PTU file and the data blocks
    of an SDT file. A PTU file's frames are added up, its decays are as long as the laser's period.

    BitsmithError for a file that is missing, of another kind, cut short, without a time axis, or without counts.
    """
    path = Path(path)
    if path.suffix.lower() not in _KINDS:
        raise BitsmithError(f"{path} is none of {', '.join(_KINDS)}; convert it, for instance to a TIFF stack")
    kind, read = _KINDS[path.suffix.lower()]
    options = _Options(time_axis, step_ns, channel)
    check_file(path, f"a file of {kind}")
    try:
        with path.open("rb") as file:
            counts, step = read(file, options)
        return Stack(_checked(counts), step, path.name)
    except BitsmithError as error:
        raise BitsmithError(f"{path}: {error}") from None
    except ImportError as error:
        raise BitsmithError(f"{path} needs the package {error.name}; {install_extra('fli')}") from None
    except Exception as error:  # the three libraries raise anything at all on damaged bytes
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise BitsmithError(f"cannot read {path} as {kind}: {reason}; it is damaged or of another kind") from None


def _read_ptu(file: IO[bytes], options: _Options) -> tuple[Counts, float]:
    import ptufile

    _only_tiff(options)
    with ptufile.PtuFile(file) as ptu:
        if tuple(ptu.dims) != ("T", "Y", "X", "C", "H"):
            raise BitsmithError("it holds no image with a time axis; export a T3 image measurement")
        _channel(options.channel, ptu.shape[3])
        bins = _bins_of_a_period(ptu)
        _not_too_large(*ptu.shape[1:3], bins)
        records = ptu.read_records()
        if len(records) < ptu.number_records:
            raise BitsmithError(f"it is cut short: {len(records)} of {ptu.number_records} records; copy it again")
        _few_are_late(ptu, records, options.channel, bins)
        image = ptu.decode_image(
            records=records, frame=-1, channel=options.channel, dtime=bins, dtype=np.uint32, keepdims=False
        )
        return image, ptu.tcspc_resolution * 1e9


def _bins_of_a_period(ptu: Any) -> int:
    """A decay is as long as the laser's period, whatever the photons: empty bins belong to it, late photons do not."""
    period, step = ptu.global_resolution, ptu.tcspc_resolution
    bins = round(period / step) if step > 0 else 0
    if not 0 < bins <= ptu.number_bins_max:
        raise BitsmithError(
            f"its header gives {step:g} s a bin and a laser period of {period:g} s, so {bins} bins where a record can "
            f"have 1 to {ptu.number_bins_max}; it is damaged or no measurement with a pulsed laser"
        )
    return bins


def _few_are_late(ptu: Any, records: NDArray[np.uint32], channel: int, bins: int) -> None:
    """Photons behind the period are left out; where they are many, it is the header's period that is wrong."""
    if ptu.number_bins <= bins:
        return
    histogram = ptu.decode_histogram(records=records, dtime=ptu.number_bins)[channel]
    late, total = int(histogram[bins:].sum()), int(histogram.sum())
    if late > LATE * total:
        raise BitsmithError(
            f"{late:,} of its {total:,} photons are later than the laser's period of {bins} bins; "
            "correct the sync rate in its header"
        )


def _read_sdt(file: IO[bytes], options: _Options) -> tuple[Counts, float]:
    import sdtfile

    _only_tiff(options)
    sdt = sdtfile.SdtFile(file)
    _channel(options.channel, len(sdt.data))
    counts, times = sdt.data[options.channel], sdt.times[options.channel]
    if counts.ndim != 3:
        raise BitsmithError(f"its block {options.channel} of shape {counts.shape} is no image; choose another channel")
    return counts, float(times[1] - times[0]) * 1e9


def _read_tiff(file: IO[bytes], options: _Options) -> tuple[Counts, float]:
    import tifffile

    if options.step_ns is None:
        raise BitsmithError("a TIFF does not say the time between two samples; give step_ns")
    if not options.step_ns > 0:
        raise BitsmithError(f"a step of {options.step_ns} ns; give the time between two samples")
    with tifffile.TiffFile(file) as tiff:
        # Each page points to the next, the last to 0. A lost page is passed over in silence by tifffile.
        file.seek(tiff.pages.next_page_offset)
        if file.read(tiff.tiff.offsetsize) != bytes(tiff.tiff.offsetsize):
            raise BitsmithError(f"it is cut short behind page {len(tiff.pages)}; copy it again")
        series = tiff.series[0]
        _not_too_large(*series.shape)
        kept = [axis for axis, length in zip(series.axes, series.shape) if length > 1]
        counts = series.asarray().squeeze()
    return np.moveaxis(counts, _time_axis("".join(kept), options.time_axis), -1), options.step_ns


def _time_axis(axes: str, wanted: str | None) -> int:
    """Which of a TIFF's axes (those longer than 1) is the time."""
    if wanted not in (None, "first", "last"):
        raise BitsmithError(f"time_axis is '{wanted}'; choose first or last")
    named = [axis for axis in axes if axis in TIME_AXES]
    if len(axes) != 3:
        raise BitsmithError(f"it has the axes '{axes}'; a stack has three: two of the image and the time")
    if wanted:
        return 0 if wanted == "first" else 2
    if len(named) != 1:
        raise BitsmithError(f"its axes '{axes}' do not name the time (T or H); give time_axis, first or last")
    return axes.index(named[0])


def _only_tiff(options: _Options) -> None:
    if options.step_ns is not None or options.time_axis is not None:
        raise BitsmithError("the file itself says its step and its time axis; leave step_ns and time_axis out")


def _channel(channel: int, count: int) -> None:
    if not 0 <= channel < count:
        raise BitsmithError(f"channel {channel} is not there; the file has {count}, counted from 0")


def _not_too_large(*shape: int) -> None:
    values = 1
    for length in shape:
        values *= int(length)
    if values > LARGEST:
        raise BitsmithError(
            f"it claims {values:,} values ({shape}), more than {LARGEST:,}; cut it, if it is not damaged"
        )


def _checked(counts: Counts) -> Counts:
    if counts.dtype.kind not in "uif":
        raise BitsmithError(f"its values are of type {counts.dtype}; counts are real numbers")
    if counts.size == 0:
        raise BitsmithError("it is empty; record it again")
    if counts.dtype.kind == "f" and not np.isfinite(counts).all():
        raise BitsmithError("it holds values that are not finite (NaN); replace them by 0")
    if counts.min() < 0:
        raise BitsmithError("it holds negative counts; undo the subtraction of the background")
    if counts.max() == 0:
        raise BitsmithError("it holds no count at all; was the shutter open?")
    return counts


_KINDS: dict[str, tuple[str, Callable[[IO[bytes], _Options], tuple[Counts, float]]]] = {
    ".ptu": ("PicoQuant PTU", _read_ptu),
    ".sdt": ("Becker & Hickl SDT", _read_sdt),
    ".tif": ("a TIFF stack", _read_tiff),
    ".tiff": ("a TIFF stack", _read_tiff),
}
