"""``bitsmith codec encode`` and ``bitsmith codec decode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..sim.errors import BitsmithError
from .options import Json
from .outcome import Outcome, printable

Folder = Annotated[
    Path, typer.Option("--model", metavar="DIR", help="A trained codec, as in models/lic/trained: both ways the same.")
]
Picture = Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture; what is written is PNG.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The compressed file.")]

codec = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Images through a trained codec (lic).")


@codec.command()
def encode(image: Picture, file: File, model: Folder, json: Json = False) -> Outcome:
    """Compress a picture: 8-bit colour or grey, which is coded as colour; transparent ones are refused."""
    from ..gen.files.folder import write_bytes
    from ..models.lic.codec import Codec
    from ..models.lic.images import read_image

    _check_apart(image, file)
    pixels = read_image(image)
    data = Codec.load(model).encode(pixels)
    write_bytes(file, data)
    height, width = pixels.shape[:2]
    rate = round(8 * len(data) / (height * width), 4)
    found = {"file": str(file), "bytes": len(data), "width": width, "height": height, "bits_per_pixel": rate}
    return Outcome(found, f"{printable(file)}: {len(data):,} bytes, {width} × {height}, {rate} bits a pixel", json)


@codec.command()
def decode(file: File, image: Picture, model: Folder, json: Json = False) -> Outcome:
    """Make the picture again: the same pixels on every machine."""
    from ..gen.files.input_file import read_file
    from ..models.lic.codec import Codec
    from ..models.lic.container import MOST_BYTES
    from ..models.lic.images import write_png

    _check_apart(file, image)
    data = read_file(file, "a file of 'codec encode'", MOST_BYTES)
    pixels = Codec.load(model).decode(data)
    write_png(image, pixels)
    height, width = pixels.shape[:2]
    return Outcome(
        {"image": str(image), "width": width, "height": height}, f"{printable(image)}: {width} × {height}", json
    )


def _check_apart(source: Path, target: Path) -> None:
    if source.resolve() == target.resolve():
        raise BitsmithError(f"'{target}' is what is read; give the result another name")
