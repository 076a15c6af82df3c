"""The regressor and its baselines: exact fits, closed forms, and the study's own tables."""

import numpy as np
import pandas as pd
import pytest

from strata.experiments import accuracy_regression as regression
from strata.published import load_published
from strata.seeding import numpy_generator


def made_up(**changes):
    """Nets of 5 seeds, 3 depths and 4 sizes whose accuracy is a square in log n, and some."""
    rng = np.random.default_rng(0)
    rows = [
        {"seed": seed, "depth": depth, "samples": samples}
        for seed in range(5)
        for depth in (4, 8, 16)
        for samples in (50, 150, 450, 1200)
    ]
    nets = pd.DataFrame(rows)
    log = np.log(nets["samples"])
    nets["accuracy"] = 10 + 2 * log + 0.7 * log**2 + 0.3 * np.log(nets["depth"])
    for kind in regression.COMPONENTS:
        for order in (1, 2):
            nets[f"{kind}{order}"] = rng.normal(size=len(nets))
    return nets.assign(**changes)


@pytest.fixture(scope="module")
def table_one():
    """The study's own 25 accuracies."""
    written = load_published("B")["accuracies"]["cifar10"]
    return pd.DataFrame(
        [
            {"depth": int(net.removeprefix("ResNet-")), "samples": samples, "accuracy": accuracy}
            for net, values in written.items()
            if net != "samples"
            for samples, accuracy in zip(written["samples"], values, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("predictor", "one_out", "size_out", "depth_out"),
    [
        ("log n", 1.94, 3.48, 1.86),
        ("log n, square", 1.19, 1.13, 1.24),
        ("size", 1.21, 1.20, 1.27),
        ("constant", 11.95, 14.3, 11.5),
    ],
)
def test_on_the_studys_own_accuracies_the_number_of_samples_is_enough(
    table_one, predictor, one_out, size_out, depth_out
):
    """The study's regressor has an error of 2.73 there; these know nothing of the nets."""
    assert len(table_one) == 25
    for groups, expected in (
        (np.arange(25), one_out),
        (table_one["samples"], size_out),
        (table_one["depth"], depth_out),
    ):
        found = regression.errors(table_one, "accuracy", predictor, groups).mean()
        assert found == pytest.approx(expected, abs=0.06 if expected > 10 else 0.006)


@pytest.mark.parametrize(
    ("predictor", "expected"),
    [("log n", 1.95), ("log n, square", 1.19), ("size", 1.22), ("constant", 11.77)],
)
def test_so_it_is_in_random_splits(table_one, predictor, expected):
    rng = numpy_generator("test", "splits")
    found = regression.random_splits(table_one, "accuracy", predictor, rng)
    assert found == pytest.approx(expected, rel=0.03)


def test_for_compressed_nets_the_study_predicts_worse_than_no_change():
    written = load_published("B")["compressed"]
    nets = pd.DataFrame(written["rows"], columns=written["columns"])
    assert (nets["predicted"] - nets["after"]).abs().mean() == pytest.approx(2.66, abs=0.005)
    assert (nets["before"] - nets["after"]).abs().mean() == pytest.approx(1.95, abs=0.005)


def test_the_tables_of_the_study_agree_with_each_other():
    published = load_published("B")
    accuracies = published["accuracies"]
    for data, (low, high) in published["regression"]["accuracy_range"].items():
        values = [v for net, row in accuracies[data].items() if net != "samples" for v in row]
        assert (min(values), max(values)) == (low, high)
    compressed = published["compressed"]
    for net, samples, before, *_ in compressed["rows"]:
        place = accuracies["cifar10"]["samples"].index(samples)
        assert accuracies["cifar10"][net][place] == before


def test_a_fit_solves_the_normal_equations():
    rng = np.random.default_rng(1)
    x, y, new = rng.normal(size=(30, 4)), rng.normal(size=30), rng.normal(size=(5, 4))
    padded = np.c_[np.ones(30), x]
    weights = np.linalg.solve(padded.T @ padded, padded.T @ y)
    assert regression.fitted(x, y, new) == pytest.approx(np.c_[np.ones(5), new] @ weights)


def test_a_fit_does_not_see_shift_scale_or_mixture_of_its_numbers():
    rng = np.random.default_rng(2)
    x, y, new = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=(4, 3))
    mixed = rng.normal(size=(3, 3))
    found = regression.fitted(x @ mixed + 7, 5 * y - 2, new @ mixed + 7)
    assert found == pytest.approx(5 * regression.fitted(x, y, new) - 2)


def test_leave_one_out_is_the_closed_form_by_leverage():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(15, 3)), rng.normal(size=15)
    padded = np.c_[np.ones(15), x]
    hat = padded @ np.linalg.pinv(padded)
    expected = y - (y - hat @ y) / (1 - np.diag(hat))
    assert regression.held_out(x, y, np.arange(15)) == pytest.approx(expected)


def test_more_numbers_than_nets_take_the_smallest_weights():
    assert regression.fitted([[0.0, 0.0], [1.0, 1.0]], [0.0, 2.0], [[3.0, 0.0]]) == pytest.approx(3)


def test_what_is_exact_has_no_error_whatever_is_left_out():
    nets = made_up()
    for groups in (np.arange(len(nets)), nets["seed"], nets[["seed", "samples"]]):
        assert regression.errors(nets, "accuracy", "size", groups) == pytest.approx(0, abs=1e-8)
        assert regression.errors(nets, "accuracy", "log n", groups).mean() > 0.5


def test_a_net_never_helps_to_predict_itself_or_its_groups():
    """A change of one net's accuracy moves its error by as much, and no prediction of its seed."""
    nets = made_up()
    x, groups = regression.PREDICTORS["components"](nets), nets[["seed", "samples"]].to_numpy()
    y = nets["accuracy"].to_numpy()
    before = regression.held_out(x, y, groups)
    changed = y.copy()
    changed[0] += 100
    moved = ~np.isclose(regression.held_out(x, changed, groups), before)
    relatives = (groups == groups[0]).any(axis=1)
    assert not moved[relatives].any()
    assert moved[~relatives].all()


def test_added_share_knows_what_components_add_and_punishes_noise():
    rng = np.random.default_rng(4)
    nets = made_up()
    seeds = nets["seed"]
    nets["accuracy"] += rng.normal(size=len(nets))
    assert regression.added_share(nets, "accuracy", seeds) < 0.05
    nets["accuracy"] += 3 * nets["reliable_2"]
    assert regression.added_share(nets, "accuracy", seeds) > 0.8


def test_the_components_columns_are_found_by_name():
    nets = made_up(reliability=1.0)
    names = ["reliable_1", "reliable_2", "unreliable_1", "unreliable_2"]
    assert regression.component_columns(nets) == names
    agreed = regression.PREDICTORS["agreed"](nets.assign(agreed_0=2.0, agreed_1=3.0))
    assert agreed[0].tolist() == [2.0, 3.0]
    shapes = {name: each(nets).shape[1] for name, each in regression.PREDICTORS.items()}
    assert shapes == {
        "components": 4,
        "agreed": 0,
        "constant": 0,
        "log n": 1,
        "log n, square": 2,
        "size": 3,
        "both": 7,
    }


def test_faults_are_named():
    with pytest.raises(ValueError, match="at least one net"):
        regression.held_out([[1.0], [2.0]], [1.0, 2.0], [0, 0])
    with pytest.raises(ValueError, match="finite"):
        regression.fitted([[np.nan]], [1.0], [[0.0]])
