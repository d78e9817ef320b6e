"""One module for each operator: which Keras and QKeras layers become it, and which attributes are understood."""

from __future__ import annotations

from . import (
    activation,
    add,
    argmax,
    average_pool2d,
    batch_norm,
    concatenate,
    conv2d,
    crop,
    dense,
    depthwise_conv2d,
    flatten,
    global_average_pool2d,
    global_max_pool2d,
    gru,
    lstm,
    max_pool2d,
    recurrent,
    repeat_vector,
    reverse,
    simple_rnn,
    softmax,
)
from .registry import CONVERTERS

__all__ = [
    "CONVERTERS",
    "activation",
    "add",
    "argmax",
    "average_pool2d",
    "batch_norm",
    "concatenate",
    "conv2d",
    "crop",
    "dense",
    "depthwise_conv2d",
    "flatten",
    "global_average_pool2d",
    "global_max_pool2d",
    "gru",
    "lstm",
    "max_pool2d",
    "recurrent",
    "repeat_vector",
    "reverse",
    "simple_rnn",
    "softmax",
]
