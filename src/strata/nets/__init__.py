"""Networks: torch modules, no training code."""
