"""``make bench``: Bitsmith beside other tools, measured in one run, as ratios."""
