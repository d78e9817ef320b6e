"""The points of a network: where a rounding, a saturation, a table or a decision may be wrong and others right."""
