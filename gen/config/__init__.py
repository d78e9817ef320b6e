"""Configuration files: their keys, their values, and how they fit a model."""
