"""Writes the model that the check of an installation builds: dense, ReLU, dense. Needs no TensorFlow and no pytest."""

from __future__ import annotations

import sys
from pathlib import Path

from model_files import dense, input_layer, quantize, write_h5

if __name__ == "__main__":
    layers = [input_layer(3), quantize(), dense("first", 3, 4), quantize("between"), dense("second", 4, 2)]
    write_h5(Path(sys.argv[1]), layers, "small")
