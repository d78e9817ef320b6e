"""The operators, one file each. Importing this package imports every one, which fills ``Operator.registry``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from .activation import Activation, Kind
from .add import Add
from .argmax import Argmax
from .average_pool2d import AveragePool2D
from .batch_norm import BatchNorm
from .concatenate import Concatenate
from .conv2d import Conv2D
from .conv2d_transpose import Conv2DTranspose
from .crop import Crop
from .dense import Dense
from .depthwise_conv2d import DepthwiseConv2D
from .flatten import Flatten
from .gdn import GDN
from .global_average_pool2d import GlobalAveragePool2D
from .global_max_pool2d import GlobalMaxPool2D
from .gru import GRU
from .lstm import LSTM
from .max_pool2d import MaxPool2D
from .repeat_vector import RepeatVector
from .reverse import Reverse
from .simple_rnn import SimpleRNN
from .softmax import Softmax
from .up_sampling2d import UpSampling2D
from .zero_padding2d import ZeroPadding2D

__all__ = [
    "GDN",
    "GRU",
    "LSTM",
    "Activation",
    "Add",
    "Argmax",
    "AveragePool2D",
    "BatchNorm",
    "Concatenate",
    "Conv2D",
    "Conv2DTranspose",
    "Crop",
    "Dense",
    "DepthwiseConv2D",
    "Flatten",
    "GlobalAveragePool2D",
    "GlobalMaxPool2D",
    "Kind",
    "MaxPool2D",
    "RepeatVector",
    "Reverse",
    "SimpleRNN",
    "Softmax",
    "UpSampling2D",
    "ZeroPadding2D",
]

for _name in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_name}")
