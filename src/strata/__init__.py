"""Strata: an executable replication book on how deep vision networks build features."""

__version__ = "0.1.0"
