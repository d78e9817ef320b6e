"""Each layer alone: inputs that are free, made to reach what no frame of the whole network reaches."""
