"""What the trainings of all applications share: Keras, checkpoints, the loop, the progress bar."""
