"""The models that are refused, each with a part of the reason that is given; the comments say why it is right."""

from __future__ import annotations

RANK = "supported: 1 to 3 axes and the batch"
WIDE = "bits and 6"
TABLE = "Bitsmith: table_bits"

REFUSED: dict[str, str] = {
    # tensors of more than three axes
    "test_time_distributed: conv and pool": RANK,
    "test_time_distributed: model": RANK,
    "test_transpose_concat: five axes": RANK,
    **dict.fromkeys((f"test_einsum_dense: ...abcd,bcde->...aeb bias {b}" for b in (None, "aeb", "ab", "a")), RANK),
    # exact values of 32-bit inputs, with weights or another input of 32 bits, are wider than 63 bits
    "test_merge: Multiply, swapped True": WIDE,
    "test_merge: Multiply, swapped False": WIDE,
    "test_merge: Dot": WIDE,
    "test_multiout_network: corner cases": WIDE,
    # QKeras's values come from the real function of every input: no table that is shorter is exact
    "test_qkeras: qlstm": TABLE,
    "test_qkeras: quantized_sigmoid(7,use_real_sigmoid=True)": TABLE,
    # the test writes the text 'False', which Keras takes for true
    "test_qkeras: qgru": "reset_after=False on 'qgru' is not supported",
    # types of 64 bits
    "test_qkeras: po2": "a type has 1 to 63 bits",
    # hls4ml's own layer of a graph network, whose kinds of Precision no other layer has
    "test_garnet: one": "unknown kind 'edge_weight'",
    "test_garnet: stack": "unknown kind 'edge_weight'",
    # a bias for each place, not for each output
    "test_einsum_dense: bi,j->bij bias i": "bias_axes=i on 'einsum_dense' is not supported",
    # a product of two tensors of the data
    **dict.fromkeys(
        (f"test_qeinsum: {e}" for e in ("xbi,xj->xbij", "xbi,xio->xbo", "xi,xoi->xo", "xabcd,xbcde->xaeb")),
        "'einsum' is a QEinsum of the package hgq, which is not supported",
    ),
    # the logits themselves: 'Bitsmith: {output: argmax}', or a model without its softmax
    "test_softmax: skipped": "Skip: only False is supported",
}
NOT_BY_HLS4ML = ("test_extensions: custom layer", "test_hgq2_mha: attention")
"""hls4ml 1.3 itself writes no configuration: a layer of the test's own, and one that its installed HGQ2 lacks."""
NO_BOUND = ("test_layernorm: epsilon 0.001", "test_layernorm: epsilon 0.01")
"""Accepted; the distance from Keras is stated, and no rule bounds it here."""
