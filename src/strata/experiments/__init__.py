"""Experiments: one module a figure set, each with a frozen config, a grid and a run function."""
