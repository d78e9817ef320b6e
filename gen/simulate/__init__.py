"""What drives a generated top in simulation: its ports, and the benches' templates."""
