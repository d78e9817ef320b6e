"""Layers of a model to a graph of integers."""
