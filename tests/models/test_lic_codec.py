"""decode(encode(image)) is the reference's reconstruction, from Python and on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lic_codecs import CHANNELS, SCALE, analysis, codec, hyper_synthesis, picture, synthesis, write_folder
from numpy.typing import NDArray

from bitsmith.gen.passes.resize import resized
from bitsmith.models.lic import tables
from bitsmith.models.lic.codec import Codec
from bitsmith.models.lic.container import MOST_PIXELS
from bitsmith.models.lic.images import read_image, write_png
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed

pytest.importorskip("constriction")
pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def small() -> Codec:
    return codec()


SIZES = [(64, 64), (1, 1), (1, 200), (65, 63), (128, 64), (100, 201)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_decoded_is_the_references_reconstruction(small: Codec, height: int, width: int) -> None:
    """The oracle takes every operator's plain ``compute`` on the padded image; the codec never sees y."""
    image = picture(height, width)
    rows, columns = -(-height // 64) * 64, -(-width // 64) * 64
    whole = np.pad(image, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge").astype(np.int64)
    graph = resized(analysis(), rows, columns)
    y = Reference(graph).trace_raw(whole[None])[graph.outputs[0]]
    graph = resized(synthesis(), rows // 16, columns // 16)
    expected = Reference(graph).trace_raw(y)[graph.outputs[0]][0, :height, :width]
    decoded = codec().decode(small.encode(image))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, expected)
    assert y.std() > 10


@pytest.mark.parametrize(
    ("name", "image"),
    {
        "black": np.zeros((70, 70, 3), np.uint8),
        "white": np.full((70, 70, 3), 255, np.uint8),
        "a checkerboard": (np.indices((64, 128)).sum(0)[:, :, None] % 2 * np.array([255, 255, 255])).astype(np.uint8),
        "noise": np.random.default_rng(4).integers(0, 256, (64, 64, 3), np.uint8),
    }.items(),
)
def test_extreme_images(small: Codec, name: str, image: NDArray[np.uint8]) -> None:
    y, _ = small.latents(image)
    np.testing.assert_array_equal(small.decode(small.encode(image)), small.reconstruction(y, *image.shape[:2]))


def test_latents_that_the_tables_do_not_know(small: Codec) -> None:
    """12-bit y, 10-bit z: much of both is outside of every table."""
    y_type, z_type = Fixed(True, 11, 0), Fixed(True, 9, 0)
    wide = codec(y_type, z_type, analysis=analysis(y_type=y_type, z_type=z_type, last=Fixed(True, 4, 3)))
    image = picture(80, 70)
    y, z = wide.latents(image)
    assert np.abs(y).max() > 128
    assert (z < -2).any()
    assert (z > 6).any()
    np.testing.assert_array_equal(wide.decode(wide.encode(image)), wide.reconstruction(y, 80, 70))


def test_random_images_use_many_tables(small: Codec) -> None:
    """The tests above therefore do not all use one table."""
    fitted = small.networks.fitted(128, 256)
    y, z = small.latents(picture(100, 201))
    index = small.tables.index(fitted.find_scales.predict_raw(z[None])[0])
    assert np.unique(index).size > 20
    assert np.unique(y).size > 60


def test_the_same_image_gives_the_same_file(small: Codec) -> None:
    assert small.encode(picture(64, 64)) == codec().encode(picture(64, 64))
    assert small.encode(picture(64, 64)) != small.encode(picture(64, 64, seed=1))


def test_networks_of_the_last_sizes_are_kept_and_no_more(small: Codec) -> None:
    for width in range(64, 64 * 8, 64):
        small.decode(small.encode(picture(10, width)))
    assert len(small._sizes) == 4


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((64, 64), np.uint8), "shape"),
        (np.zeros((64, 64, 4), np.uint8), "shape"),
        (np.zeros((64, 64, 3), np.float32), "float32"),
        (np.zeros((0, 64, 3), np.uint8), "64 × 0 pixels"),
        (np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (1, MOST_PIXELS // 64 + 1, 3)), "1 to 16,777,216"),
    ],
)
def test_what_is_no_image_is_refused(small: Codec, image: Any, said: str) -> None:
    with pytest.raises(BitsmithError, match=said):
        small.encode(image)


UNFIT: dict[str, tuple[dict[str, Callable[[], Any]], str]] = {
    "another z": ({"hyper_synthesis": lambda: hyper_synthesis(z_type=Fixed(True, 8, 0))}, "hyper_synthesis"),
    "another y": ({"synthesis": lambda: synthesis(y_type=Fixed(True, 8, 0))}, "synthesis"),
    "other scales": ({"hyper_synthesis": lambda: hyper_synthesis(scale=Fixed(False, 5, 7))}, "hyper_synthesis"),
    "another size": ({"synthesis": lambda: synthesis(size=128)}, "synthesis"),
    "one output": ({"analysis": synthesis}, "it must give two images of integers"),
    "no block": ({"analysis": lambda: resized(analysis(), 80, 80)}, "multiples of 64"),
    "fractions in y": ({"analysis": lambda: analysis(y_type=Fixed(True, 6, 1))}, "integers"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_networks_that_do_not_fit_are_refused(name: str) -> None:
    changes, said = UNFIT[name]
    with pytest.raises(BitsmithError, match=said):
        codec(**{part: make() for part, make in changes.items()})


def test_tables_that_do_not_fit_are_refused(small: Codec) -> None:
    with pytest.raises(BitsmithError, match=f"1 tables for z, which has {CHANNELS} channels"):
        Codec(small.networks, tables.make([0], [[1.0]], SCALE))


# folders and the command line -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("lic") / "random")


def test_a_codec_of_files(folder: Path) -> None:
    loaded, image = Codec.load(folder), picture(33, 70)
    y, _ = loaded.latents(image)
    assert np.unique(y).size > 10
    np.testing.assert_array_equal(Codec.load(folder).decode(loaded.encode(image)), loaded.reconstruction(y, 33, 70))


def test_a_folder_that_is_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="no folder"):
        Codec.load(tmp_path / "absent")
    with pytest.raises(BitsmithError, match=r"cannot read .*entropy\.json"):
        Codec.load(tmp_path)
    (tmp_path / "entropy.json").write_bytes((folder / "entropy.json").read_bytes())
    with pytest.raises(BitsmithError, match=r"analysis\.h5"):
        Codec.load(tmp_path)


def bitsmith(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bitsmith", "codec", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line(folder: Path, tmp_path: Path) -> None:
    image = picture(50, 40)
    write_png(tmp_path / "in.png", image)
    done = bitsmith("encode", tmp_path / "in.png", tmp_path / "a.lic", "--model", folder, "--json")
    data = json.loads(done.stdout)
    size = (tmp_path / "a.lic").stat().st_size
    assert (data["bytes"], data["width"], data["height"]) == (size, 40, 50)
    assert data["bits_per_pixel"] == pytest.approx(8 * size / 2000, abs=1e-4)
    done = bitsmith("decode", tmp_path / "a.lic", tmp_path / "out.png", "--model", folder)
    assert done.returncode == 0, done.stderr
    loaded = Codec.load(folder)
    np.testing.assert_array_equal(
        read_image(tmp_path / "out.png"), loaded.reconstruction(loaded.latents(image)[0], 50, 40)
    )


def test_the_command_line_refuses_in_one_line(folder: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "in.png", picture(8, 8))
    (tmp_path / "text.lic").write_text("text")
    for arguments, said in (
        (("encode", tmp_path / "in.png", tmp_path / "in.png"), "is what is read"),
        (("encode", tmp_path / "absent.png", tmp_path / "a.lic"), "cannot read"),
        (("decode", tmp_path / "text.lic", tmp_path / "out.png"), "no compressed image of Bitsmith's"),
        (("decode", tmp_path / "absent.lic", tmp_path / "out.png"), "cannot read"),
    ):
        done = bitsmith(*arguments, "--model", folder)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert said in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "text.lic"]
