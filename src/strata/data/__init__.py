"""Data sets: arrays in, known factors kept."""
