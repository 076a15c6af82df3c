"""Measures: pure functions on arrays."""
