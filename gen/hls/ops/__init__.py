"""What each operator becomes in HLS: one module for each, by its stem. ``hls/place.py`` says what they have."""
