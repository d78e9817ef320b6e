"""``make bench``: the issue's table of figures, measured in one run, as ratios."""
