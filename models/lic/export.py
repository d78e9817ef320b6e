"""A trained fixed codec as files: three models in .h5 and the entropy coder's integer tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...gen.files.folder import writing
from ...sim.fixed import Fixed
from ..training.keras import save
from . import tables
from .entropy_models import FactorizedPrior
from .network import Codec
from .quantization import BITS, put_on_grid

EXPORT_SIZE = 256
"""Pixels a side of the image in the files, the paper's patch; the networks fit any multiple of 64."""
LEAST, LARGEST = -(2 ** (BITS - 1)), 2 ** (BITS - 1) - 1
NEGLIGIBLE = 0.5 / tables.TOTAL
"""A rarer symbol of z at either end of its table is left to the escape."""


def export(codec: Codec, folder: Path) -> None:
    """analysis.h5, hyper_synthesis.h5, synthesis.h5 and entropy.json of a fixed codec; its weights go on their grid."""
    put_on_grid(codec)
    folder.mkdir(parents=True, exist_ok=True)
    for model in (codec.analysis, codec.hyper_synthesis, codec.synthesis):
        with writing(folder / f"{model.name}.h5") as fresh:
            save(model, fresh)
    scales = codec.hyper_synthesis.get_layer("scales").quantizer
    type = Fixed(False, int(scales.integer), BITS - int(scales.integer))
    tables.write(folder / "entropy.json", *probabilities(codec.prior), type)


def probabilities(prior: FactorizedPrior) -> tuple[list[int], list[NDArray[np.float64]]]:
    """Each channel's first integer of z and the probabilities from there on, the rare ends left out.

    Saturation gives the outermost integers the tails.
    """
    edges = np.arange(LEAST, LARGEST) + 0.5
    inner = prior.cumulative(np.tile(edges, (prior.channels, 1)))
    rows = np.diff(inner, axis=1, prepend=0.0, append=1.0).clip(0.0, 1.0)
    firsts, kept = [], []
    for row in rows:
        likely = np.flatnonzero(row >= NEGLIGIBLE)
        firsts.append(LEAST + int(likely[0]))
        kept.append(row[likely[0] : likely[-1] + 1])
    return firsts, kept
