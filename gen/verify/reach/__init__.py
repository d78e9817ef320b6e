"""Vectors that reach: frames that are made so that the reference comes to every point of ``sim/reach``."""
