"""Quantizers of QKeras, weights on their grids, activations as operators."""
