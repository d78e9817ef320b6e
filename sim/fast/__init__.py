"""The fast path: the same integers as `compute`, by BLAS in exact float64."""
