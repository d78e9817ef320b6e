"""The models that the tests of hls4ml 1.3 build with Keras 2, QKeras, Keras 3 and HGQ2, described anew.

A model that a test varies only by backend, by ``io_type`` or by strategy is one model here. Left out are models that
are read from files or downloaded, those of PyTorch, of ONNX files and of HGQ 1, and models that are no Keras model.
"""

from __future__ import annotations

from . import joined, plain, quantized, recurrent, third, windows
from .case import Kit, Model

MODELS: tuple[Model, ...] = (
    *plain.MODELS,
    *windows.MODELS,
    *joined.MODELS,
    *recurrent.MODELS,
    *quantized.MODELS,
    *third.MODELS,
)
__all__ = ["MODELS", "Kit", "Model"]
