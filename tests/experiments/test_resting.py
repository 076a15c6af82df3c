"""Points that rest on others: they need these, and say of the data what these say."""

from types import SimpleNamespace

import toy_experiment
import toy_photographs

from strata.experiments.resting import data_of, needs_of


def test_needs_are_the_points_in_the_fields_in_their_order() -> None:
    needs = needs_of((toy_experiment, "inner.net"), (toy_photographs, "inner"))
    inner = SimpleNamespace(net="a net")
    assert needs(SimpleNamespace(inner=inner)) == [
        (toy_experiment, "a net"),
        (toy_photographs, inner),
    ]


def test_the_data_are_those_of_the_other_point() -> None:
    source, print_of = data_of(toy_photographs, "inner.net")
    drawn = toy_photographs.Config(data="drawn")
    config = SimpleNamespace(inner=SimpleNamespace(net=drawn))
    assert source(config) == "drawn"
    assert print_of(config) == toy_photographs.data_fingerprint(drawn)
