"""Measured decays: files made here with known counts are read back, broken ones are one line, and the network's input.

The PTU and TIFF files are written by ptufile and tifffile. Nothing writes SDT, so its bytes are laid out here after the
maker's structures.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.models.fli import irf, prepare
from bitsmith.models.fli.readers import Stack, read_stack
from bitsmith.models.fli.synthetic import SAMPLES, STEP_NS
from bitsmith.sim.errors import BitsmithError

Counts = NDArray[Any]


def counted(height: int = 6, width: int = 5, samples: int = 100) -> Counts:
    """Random counts, one pixel dark, the last ten samples empty."""
    counts = np.random.RandomState(1).poisson(5, (height, width, samples)).astype(np.uint16)
    counts[0, 0] = 0
    counts[..., -10:] = 0
    return counts


def made_ptu(path: Path, counts: Counts) -> None:
    """One frame, or with a first axis several, of one detector; 100 ps bins in a period of 12.5 ns."""
    ptufile = pytest.importorskip("ptufile")
    frames = counts if counts.ndim == 4 else counts[None]
    ptufile.imwrite(path, frames[:, :, :, None, :], 12.5e-9, 100e-12)


def made_tiff(path: Path, counts: Counts, **options: Any) -> None:
    pytest.importorskip("tifffile").imwrite(path, counts, **options)


def sdt_bytes(blocks: list[Counts], packed: bool = False) -> bytes:
    """Becker & Hickl's file of images (y, x, samples), 12.5 ns over all samples; ``packed`` as their newer programs do.

    bhfile_hdr, the identification, MeasureInfo up to scan_ry, then for each image a BHFileBlockHeader and its counts.
    """
    info = b"*IDENTIFICATION\r\n  ID        : SPC Setup & Data File\r\n*END\r\n\r\n"
    height, width, samples = blocks[0].shape
    measure = struct.pack("<9s11s16sh5fhf", b"", b"", b"", 0, 0, 0, 0, 0, 0, 0, 0)
    measure += struct.pack("<fhfffh", 12.5e-9, 1, 0, 0, 0, samples)
    measure += struct.pack("<hhhHffhBhHfhhh16sf", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b"", 0)
    measure += struct.pack("<6hiiiifhh", *[0] * 13) + struct.pack("<iiii", width, height, 1, 1)
    header_length, begin = 42, 42 + len(info) + len(measure)
    body = b""
    for index, counts in enumerate(blocks):
        raw = counts.astype("<u2").tobytes()
        content = zipped(raw) if packed else raw
        at = begin + len(body)
        following = at + 22 + len(content)
        kind = 0x61 | (0x1000 if packed else 0)
        body += struct.pack("<BBIIHhII", 0, 0, at + 22, following, kind, 0, index, len(raw)) + content
    sizes = (header_length, len(info), 0, 0, begin, len(blocks), len(body), header_length + len(info), 1, len(measure))
    return struct.pack("<hihiHihIihhHIHH", 0x28F, *sizes, 0x5555, 0, 0, 0x55AA) + info + measure + body


def zipped(raw: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data_block", raw)
    return buffer.getvalue()


def test_ptu_counts_come_back(tmp_path: Path) -> None:
    """Within a whole period of 125 bins: the empty samples at the end are there."""
    counts = counted()
    made_ptu(tmp_path / "a.ptu", counts)
    stack = read_stack(tmp_path / "a.ptu")
    np.testing.assert_array_equal(stack.counts[..., :100], counts)
    assert stack.counts.shape == (6, 5, 125)
    assert stack.counts[..., 100:].max() == 0
    assert stack.step_ns == pytest.approx(0.1)
    assert stack.name == "a.ptu"


@pytest.mark.parametrize("late", [100, 124, 125, 126, 140, 4095])
def test_a_late_photon_does_not_change_the_length_of_ptu_decays(tmp_path: Path, late: int) -> None:
    """A bin of the period counts, what comes behind its 125 bins does not; a record can have 4,096."""
    counts = np.zeros((6, 5, 4096), np.uint16)
    counts[..., :100] = counted()
    counts[2, 3, late] = 1
    made_ptu(tmp_path / "a.ptu", counts)
    stack = read_stack(tmp_path / "a.ptu")
    np.testing.assert_array_equal(stack.counts, counts[..., :125])


def test_ptu_photons_that_are_late_in_numbers_are_one_line(tmp_path: Path) -> None:
    counts = counted(samples=130)
    counts[..., 125:] = 2
    made_ptu(tmp_path / "a.ptu", counts)
    one_line("300 of its .* photons are later than the laser's period of 125 bins", tmp_path / "a.ptu")


@pytest.mark.parametrize("period", [0.0, -12.5e-9, 4e-12, 1e-6, float("inf"), float("nan")])
def test_a_ptu_period_that_cannot_be_is_one_line(tmp_path: Path, period: float) -> None:
    path = tmp_path / "a.ptu"
    made_ptu(path, counted())
    content = path.read_bytes()
    at = content.index(b"MeasDesc_GlobalResolution") + 40
    path.write_bytes(content[:at] + struct.pack("<d", period) + content[at + 8 :])
    one_line("damaged", path)


@pytest.mark.parametrize("name", ["a.sdt", "a.tif"])
def test_the_length_of_other_decays_is_the_files_own(tmp_path: Path, name: str) -> None:
    pytest.importorskip("sdtfile")
    path, shapes = tmp_path / name, set()
    for last in (0, 1):
        counts = counted()
        counts[2, 3, -1] = last
        if name == "a.sdt":
            path.write_bytes(sdt_bytes([counts]))
        else:
            made_tiff(path, np.moveaxis(counts, -1, 0), metadata={"axes": "TYX"})
        shapes.add(read_stack(path, step_ns=None if name == "a.sdt" else 0.1).counts.shape)
    assert shapes == {(6, 5, 100)}


def test_ptu_frames_are_added_up(tmp_path: Path) -> None:
    frames = np.stack([counted(), counted()[::-1]])
    made_ptu(tmp_path / "a.ptu", frames)
    stack = read_stack(str(tmp_path / "a.ptu"))
    np.testing.assert_array_equal(stack.counts[..., :100], frames.sum(axis=0))


@pytest.mark.parametrize("packed", [False, True])
def test_sdt_counts_come_back(tmp_path: Path, packed: bool) -> None:
    pytest.importorskip("sdtfile")
    blocks = [counted(samples=256), counted(samples=256)[::-1]]
    (tmp_path / "a.SDT").write_bytes(sdt_bytes(blocks, packed))
    for channel, counts in enumerate(blocks):
        stack = read_stack(tmp_path / "a.SDT", channel=channel)
        np.testing.assert_array_equal(stack.counts, counts)
        assert stack.step_ns == pytest.approx(12.5 / 256)


@pytest.mark.parametrize("options", [{"imagej": True, "metadata": {"axes": "TYX"}}, {"metadata": {"axes": "TYX"}}])
def test_a_tiff_that_names_its_time_axis(tmp_path: Path, options: dict[str, Any]) -> None:
    made_tiff(tmp_path / "a.tif", np.moveaxis(counted(), -1, 0), **options)
    stack = read_stack(tmp_path / "a.tif", step_ns=0.05)
    np.testing.assert_array_equal(stack.counts, counted())
    assert stack.step_ns == 0.05


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("axis", ["first", "last"])
def test_a_tiff_that_does_not(tmp_path: Path, axis: str, kind: type) -> None:
    counts: Counts = counted().astype(kind)
    made_tiff(tmp_path / "a.tiff", np.moveaxis(counts, -1, 0) if axis == "first" else counts, photometric="minisblack")
    with pytest.raises(BitsmithError, match="do not name the time .* first or last"):
        read_stack(tmp_path / "a.tiff", step_ns=0.05)
    stack = read_stack(tmp_path / "a.tiff", step_ns=0.05, time_axis=axis)
    np.testing.assert_array_equal(stack.counts, counts)
    assert stack.counts.dtype == kind


def one_line(message: str, path: Path, **options: Any) -> None:
    with pytest.raises(BitsmithError, match=message) as error:
        read_stack(path, **options)
    assert "\n" not in str(error.value)
    assert path.name in str(error.value)


@pytest.mark.parametrize("suffix", [".ptu", ".sdt", ".tif"])
def test_what_is_no_such_file_is_one_line(tmp_path: Path, suffix: str) -> None:
    for package in ("ptufile", "sdtfile", "tifffile"):
        pytest.importorskip(package)
    step = {"step_ns": 0.1} if suffix == ".tif" else {}
    one_line("no such file", tmp_path / f"absent{suffix}", **step)
    path = tmp_path / f"a{suffix}"
    for content in (b"", b"PQ", b"hello, world" * 40, bytes(range(256)) * 8):
        path.write_bytes(content)
        one_line("cannot read .* damaged or of another kind", path, **step)
    (tmp_path / f"folder{suffix}").mkdir()
    one_line("cannot read", tmp_path / f"folder{suffix}", **step)


def test_another_suffix_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    one_line(r"none of \.ptu, \.sdt, \.tif, \.tiff", tmp_path / "a.png")


def made_time_series(path: Path, **options: Any) -> None:
    made_tiff(path, np.moveaxis(counted(), -1, 0), metadata={"axes": "TYX"}, **options)


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.ptu": lambda path: made_ptu(path, counted()),
    "a.sdt": lambda path: path.write_bytes(sdt_bytes([counted()])),
    "packed.sdt": lambda path: path.write_bytes(sdt_bytes([counted()], packed=True)),
    "a.tif": made_time_series,
    "imagej.tif": lambda path: made_time_series(path, imagej=True),
    "ome.tif": lambda path: made_time_series(path, ome=True),
    "packed.tif": lambda path: made_time_series(path, compression="zlib"),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.8, 0.95])
def test_a_file_cut_short_is_one_line(tmp_path: Path, name: str, share: float) -> None:
    for package in ("sdtfile", "tifffile"):
        pytest.importorskip(package)
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    step: dict[str, Any] = {"step_ns": 0.1, "time_axis": "first"} if path.suffix == ".tif" else {}
    assert read_stack(path, **step).counts.sum() == counted().sum()
    path.write_bytes(whole[: int(share * len(whole))])
    one_line("cut short|damaged", path, **step)


def test_contents_that_are_no_counts_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    bad = counted().astype(np.float32)
    bad[1, 1, 3] = np.nan
    cases: list[tuple[Counts, str]] = [
        (bad, "NaN"),
        (np.zeros((4, 4, 20), np.uint16), "no count at all"),
        (np.full((4, 4, 20), -1, np.int16), "negative"),
        (np.ones((4, 20), np.uint16), "has the axes 'YX'"),
        (np.ones((3, 4, 5, 6), np.uint16), "a stack has three"),
        (np.ones((4, 4, 20), np.complex64), "complex64"),
    ]
    for counts, message in cases:
        made_tiff(path, counts, photometric="minisblack")
        one_line(message, path, step_ns=0.1, time_axis="last")


def test_an_sdt_block_that_is_no_image_is_one_line(tmp_path: Path) -> None:
    """Half of an image's counts, and a length in the header that agrees."""
    pytest.importorskip("sdtfile")
    content = sdt_bytes([counted()])
    at = len(content) - counted().nbytes - 4
    (tmp_path / "a.sdt").write_bytes(content[:at] + struct.pack("<I", counted().nbytes // 2) + content[at + 4 :])
    one_line("is no image; choose another channel", tmp_path / "a.sdt")


def test_options_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    tiff, ptu, sdt = (tmp_path / f"a{suffix}" for suffix in (".tif", ".ptu", ".sdt"))
    for path in (tiff, ptu, sdt):
        WRITERS[path.name](path)
    pytest.importorskip("sdtfile")
    one_line("give step_ns", tiff)
    one_line("step of -1", tiff, step_ns=-1.0)
    one_line("'middle'; choose first or last", tiff, step_ns=0.1, time_axis="middle")
    for path in (ptu, sdt):
        one_line("leave step_ns", path, step_ns=0.1)
        one_line("channel 1 is not there; the file has 1", path, channel=1)
        one_line("channel -1", path, channel=-1)


def test_a_header_that_claims_all_memory_is_one_line(tmp_path: Path) -> None:
    """The tag of the picture's width, replaced by two thousand million."""
    path = tmp_path / "a.ptu"
    made_ptu(path, counted())
    content = path.read_bytes()
    at = content.index(b"ImgHdr_PixX") + 40
    path.write_bytes(content[:at] + struct.pack("<q", 2 * 10**9) + content[at + 8 :])
    one_line("claims 1,500,000,000,000 values", path)


@pytest.mark.parametrize(("suffix", "package"), [(".ptu", "ptufile"), (".sdt", "sdtfile"), (".tif", "tifffile")])
def test_a_missing_package_is_one_line(
    tmp_path: Path, suffix: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, package, None)
    one_line(rf"needs the package {package}; in Bitsmith's own folder: pip install '\.\[fli\]'", path)


def recorded(fine: int, before: int = 0, after: int = 0) -> Stack:
    """A synthetic record in steps of STEP_NS / ``fine``, longer than the network's by so many steps; without noise."""
    times = (np.arange(-before, fine * SAMPLES + after) + 0.5) * STEP_NS / fine - STEP_NS / 2
    responses = irf.draw_responses(12, np.random.RandomState(2))
    tau = np.linspace(0.4, 1.2, 12)
    clean = irf.convolved(tau, times, responses)
    counts = np.rint(clean / clean.sum(axis=1, keepdims=True) * np.linspace(100, 1e6, 12)[:, None])
    return Stack(counts.reshape(3, 4, -1).astype(np.uint32), STEP_NS / fine, "made")


@pytest.mark.parametrize("fine", [1, 2, 5])
def test_bins_are_added_and_the_pulse_is_put_in_its_place(fine: int) -> None:
    """A finer and longer record gives the curves of the plain one; only the brightest eleven have 500 photons."""
    plain = recorded(1).counts.reshape(12, SAMPLES)
    found = prepare.to_network(recorded(fine, before=3 * fine, after=20 * fine))
    assert found.tpsf.shape == (11, SAMPLES)
    assert found.tpsf.dtype == np.float32
    assert found.step_ns == pytest.approx(STEP_NS)
    assert (found.tpsf.max(axis=1) == 1).all()
    np.testing.assert_array_equal(found.row * 4 + found.column, np.arange(1, 12))
    # A sum is a little broader than a sample, by 0.01; a rise one fifth of a sample off would show as 0.09.
    np.testing.assert_allclose(found.tpsf, plain[1:] / plain[1:].max(axis=1, keepdims=True), atol=0.02)


def test_begin_is_taken_as_given() -> None:
    stack = recorded(2, before=10)
    found = prepare.to_network(stack, begin=4, least_photons=0)
    window = stack.counts[..., 4 : 4 + 2 * SAMPLES].reshape(12, SAMPLES, 2).sum(axis=2)
    np.testing.assert_allclose(found.tpsf, window / window.max(axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(found.photons, window.sum(axis=1))


def test_fewer_samples_may_be_asked_for() -> None:
    assert prepare.to_network(recorded(1), samples=50).tpsf.shape == (11, 50)


def test_a_step_that_nearly_fits_is_told() -> None:
    stack = Stack(recorded(2, before=20, after=40).counts, 12.5 / 256, "made")
    assert prepare.to_network(stack).step_ns == pytest.approx(25 / 256)
    assert prepare.to_network(Stack(stack.counts, 0.052, "made")).step_ns == pytest.approx(0.104)


def test_records_that_do_not_suffice_are_one_line() -> None:
    whole = recorded(1, before=5)
    cases: list[tuple[Stack, dict[str, Any], str]] = [
        (Stack(whole.counts, 0.07, "made"), {}, "0.07 ns at best, not 0.1 ns"),
        (Stack(whole.counts, 0.25, "made"), {}, "train a network for this step"),
        (Stack(whole.counts, 0.0, "made"), {}, "step of 0.0 ns"),
        (Stack(whole.counts[..., :60], 0.1, "made"), {}, "70 of its 60 samples"),
        (Stack(whole.counts[..., 9:], 0.1, "made"), {}, "from number -"),
        (whole, {"begin": 6}, "from number 6 on"),
        (whole, {"least_photons": 1e9}, "no pixel has 1e.09 photons"),
    ]
    for stack, options, message in cases:
        with pytest.raises(BitsmithError, match=message) as error:
            prepare.to_network(stack, **options)
        assert "\n" not in str(error.value)
        assert "made" in str(error.value)
