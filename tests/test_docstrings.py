"""Every example in a docstring runs and gives what it says; public functions have docstrings."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import strata

MODULES = [
    info.name
    for info in pkgutil.walk_packages(strata.__path__, "strata.")
    if not info.name.endswith("execute")
]
INNER = {"strata.measures.linear_layers"}
"""Tools of a measure, not measures."""
MEASURES = [n for n in MODULES if n.startswith("strata.measures.") and n not in INNER]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_names_its_errors_and_shows_an_example(name):
    module = importlib.import_module(name)
    assert module.__doc__
    for function_name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ != name or function_name.startswith("_"):
            continue
        words = inspect.getdoc(function) or ""
        assert words, function_name
        if "Parameters" in words:
            assert "Raises" in words or "errors" in words, f"{function_name} names no errors"
            assert ">>>" in words, f"{function_name} shows no example"
