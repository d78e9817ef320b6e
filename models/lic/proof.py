"""A trained codec in hardware on whole natural images: ``python -m bitsmith.models.lic.proof FOLDER [--model NAME]``.

Every test image is extended to one common size, as the codec does it, by repeating its last row and column. analysis,
hyper_synthesis and synthesis are built for that size; C simulation and Verilog are compared with the reference, integer
for integer, each on what the one before gives. Then every image goes to a bitstream and back at its own size.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gen.build import build, load, read_config
from ...gen.config.schema import Config
from ...sim.fixed import IntArray
from .codec import Codec
from .data import Image, test_images

CONFIG = Path(__file__).with_name("config.yaml")
TRAINED = Path(__file__).with_name("trained")
MODEL = "wide_100"
LEVELS = ("hls", "rtl")


def settings(height: int, width: int, scale: int) -> Config:
    """config.yaml for images of another size and the same cycles per pixel; ``scale``: pixels in a place's side."""
    config = read_config(CONFIG)
    assert config.bitsmith.image is not None
    assert config.bitsmith.interval_cycles is not None
    rate = config.bitsmith.interval_cycles / np.prod(config.bitsmith.image)
    changed = {"image": (height // scale, width // scale), "interval_cycles": int(rate * height * width)}
    return config.model_copy(update={"bitsmith": config.bitsmith.model_copy(update=changed)})


def common(images: Mapping[str, Image]) -> NDArray[np.uint8]:
    """(n, height, width, 3): each image with its last row and column repeated to the size of the largest."""
    height, width = (max(image.shape[k] for image in images.values()) for k in (0, 1))
    return np.stack(
        [
            np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), mode="edge")
            for image in images.values()
        ]
    )


def prove_network(path: Path, config: Config, x: IntArray, folder: Path) -> tuple[tuple[IntArray, ...], int]:
    """The reference's outputs on ``x``, and how many integers of the two hardware levels differ from them."""
    built = build(load(path, config), config, folder, vectors=1)
    expected, wrong = built.reference.predict_raw(x), 0
    for level in LEVELS:
        start = time.monotonic()
        got = getattr(built, level).predict_raw(x)
        different = sum(int(np.sum(a != b)) for a, b in zip(got, expected, strict=True))
        size = sum(a.size for a in expected)
        seconds = time.monotonic() - start
        print(f"{path.stem} {level}: {size:,} integers compared, {different} mismatches, {seconds:.0f} s", flush=True)
        wrong += different
    return expected, wrong


def prove_codec(codec: Codec, images: Mapping[str, Image]) -> int:
    """How many images come back otherwise than the reference makes them from y."""
    wrong = 0
    for name, image in images.items():
        data = codec.encode(image)
        y, _ = codec.latents(image)
        same = np.array_equal(codec.decode(data), codec.reconstruction(y, *image.shape[:2]))
        rate = 8 * len(data) / (image.shape[0] * image.shape[1])
        print(f"{name}, {image.shape[1]} × {image.shape[0]}: {rate:.3f} bits a pixel, equal: {same}", flush=True)
        wrong += not same
    return wrong


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the builds")
    parser.add_argument("--model", default=MODEL, help="a folder of models/lic/trained")
    parser.add_argument("--images", type=int, default=None, help="only the first so many")
    given = parser.parse_args(arguments)
    images: dict[str, Any] = dict(list(test_images().items())[: given.images])
    batch, trained = common(images).astype(np.int64), TRAINED / given.model
    size = batch.shape[1], batch.shape[2]
    print(f"{len(images)} images ({', '.join(images)}) at {size[1]} × {size[0]} pixels", flush=True)
    (y, z), wrong = prove_network(trained / "analysis.h5", settings(*size, 1), batch, given.folder / "analysis")
    for name, x, scale in (("hyper_synthesis", z, 64), ("synthesis", y, 16)):
        wrong += prove_network(trained / f"{name}.h5", settings(*size, scale), x, given.folder / name)[1]
    wrong += prove_codec(Codec.load(trained), images)
    print("equal everywhere" if not wrong else f"{wrong} differences", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
