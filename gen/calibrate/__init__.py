"""Types from measured ranges, and the float64 network that they are measured on."""
