"""What helps with a layer that is not supported: what computes the same is proposed, never a name that is near."""

from __future__ import annotations

_TABLE = "put layers of the table 'Layers' in the README in its place"
_AXES = "images have two axes and sequences one here"
_GARNET = "hls4ml has it for networks on graphs, Bitsmith has no such operator"
_CELLS = "GRU, LSTM and SimpleRNN are supported as layers of their own"
_STATISTICS = "of those that compute their statistics from each input LayerNormalization and GDN are supported"
_ATTENTION = "the attention that is supported is MultiHeadAttention's and, with score_mode dot, Attention's"
_TRAINING = "it acts while training only: save the model without it"
_TEXT = "compute the index before the hardware, and give it to an Embedding"

_HINTS = {
    "Lambda": "it holds code, which is never run; replace it by Keras layers",
    "Masking": "every sequence has all its steps here; remove it",
    "SyncBatchNormalization": "BatchNormalization with the same weights computes the same",
    "CuDNNGRU": "GRU(reset_after=True, recurrent_activation='sigmoid') takes its weights in Keras 2; save that",
    "CuDNNLSTM": "LSTM(recurrent_activation='sigmoid') takes its weights in Keras 2; save that",
    "AtrousConvolution2D": "Conv2D with its atrous_rate as dilation_rate computes the same",
    "AtrousConvolution1D": "Conv1D with its atrous_rate as dilation_rate computes the same",
    "BinaryConv2D": "QKeras's QConv2D with kernel_quantizer='binary(alpha=1)' and its weights computes the same",
    "TernaryConv2D": (
        "QKeras's QConv2D with kernel_quantizer='ternary(alpha=1,threshold=0.5)' and its weights computes the same"
    ),
    "GarNet": _GARNET,
    "GarNetStack": _GARNET,
    "QAdaptiveActivation": "put QActivation with the quantizer that it found there",
    "CenterCrop": "Cropping2D with the margins computes the same",
    **dict.fromkeys(("GroupQueryAttention", "AdditiveAttention"), _ATTENTION),
    **dict.fromkeys(("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast"), _TRAINING),
    **dict.fromkeys(("TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "Discretization"), _TEXT),
    **dict.fromkeys(("RNN", "StackedRNNCells", "GRUCell", "LSTMCell", "SimpleRNNCell"), _CELLS),
    **dict.fromkeys(("GroupNormalization", "UnitNormalization", "RMSNormalization"), _STATISTICS),
}


def hint(name: str) -> str:
    """What helps with a layer of class ``name``."""
    if name.endswith("3D"):
        return f"{_AXES}; {_TABLE}"
    return _HINTS.get(name, _TABLE)
