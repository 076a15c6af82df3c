"""What a net relies on: what decides a point, what it gives, and formulas written out again."""

from types import SimpleNamespace

import numpy as np
import pytest
import study_a
import torch
from experimenting import assert_costs_grow, assert_refused

from strata.experiments import feature_reliance, features, image_nets
from strata.measures.codes import nnls
from strata.measures.importance import importance
from strata.nets.taps import activations

FRACTIONS = np.array(feature_reliance.FRACTIONS)


def parameters(**changes: object) -> feature_reliance.Parameters:
    own = {"draws": 3, "masks": 1, "noise_images": 10, "noise_draws": 3}
    return feature_reliance.Parameters(**study_a.TINY | own | changes)


@pytest.fixture(scope="module")
def point():
    return parameters().points()[0]


@pytest.fixture(scope="module")
def given(point):
    """The net and its features, as a sweep would compute them first."""
    (_, net), *wanted = feature_reliance.needs(point)
    return [study_a.trained(net), *(study_a.made(config) for _, config in wanted)]


@pytest.fixture(scope="module")
def result(point, given):
    return feature_reliance.run(point, given=given)


@pytest.fixture(scope="module")
def net(point, given):
    return image_nets.net_at(point.features.net, given[0], 2)


def test_the_same_point_gives_the_same_bits(point, given, result):
    assert feature_reliance.run(point, given=given).digest() == result.digest()


def test_a_point_needs_its_net_and_three_epochs_that_all_chapters_share():
    swept = parameters(epochs=4, checkpoints=[0, 1, 3, 4])
    assert len(swept.points()) == 2 * 2
    for point in swept.points():
        (module, net), *others = feature_reliance.needs(point)
        assert module is image_nets
        assert net in swept.nets()
        assert [config.epoch for _, config in others] == [0, 1, 4]
        assert all(module is features for module, _ in others)
        assert all(config in swept.all_features() for _, config in others)


def test_what_the_features_say_is_passed_on(given, result):
    for place, found in enumerate(given[1:]):
        arrays = found.arrays
        assert result.arrays["importance"][place].tolist() == arrays["importance"].tolist()
        assert result.arrays["prevalence"][place].tolist() == arrays["prevalence"].tolist()
        mean = arrays["r2_1"].mean(axis=0)
        assert result.arrays["complexity"][place] == pytest.approx(1 - mean)
        raw = 1 - mean * arrays["codes"].astype(float).var(axis=0)
        assert result.arrays["complexity_raw"][place] == pytest.approx(raw)
        assert result.arrays["size"][place] == pytest.approx(arrays["codes"].mean(axis=0), rel=1e-5)
        assert result.arrays["last_r2"][place].tolist() == arrays["r2_1"][15].tolist()
    assert result.metrics["epochs"] == [0, 1, 2]
    for name in ("accuracy", "fidelity"):
        assert result.metrics[name] == [found.metrics[name] for found in given[1:]]


def test_every_array_has_its_shape(point, given, result):
    k, classes, draws = 12, len(given[0].metrics["classes"]), point.draws
    shapes = {name: array.shape for name, array in result.arrays.items()}
    assert shapes["shuffled"] == (3, draws, k)
    assert shapes["pairs"] == (k, classes)
    assert shapes["redundancy_halves"] == (2, k)
    for name in ("redundancy_cka", "redundancy_r2", "neurons", "signed", "importance_label"):
        assert shapes[name] == (k,), name
    for name in ("noise_variance", "noise_relative", "noise_range"):
        assert shapes[name] == (3, k), name
    for name in ("complex_first", "simple_first", "complex_removed"):
        assert shapes[name] == (10,), name
    for name in ("random", "matched", "matched_removed"):
        assert shapes[name] == (draws, 10), name


def test_shuffled_heads_read_other_neurons_for_the_same_classes(given, result):
    """A head of equal weights has nothing to shuffle; the net's own differs from most of them."""
    found = given[-1].arrays
    own = importance(found["codes"], found["head"], found["predictions"])
    rows = result.arrays["shuffled"][-1]
    assert not np.isclose(rows, own).all(axis=1).any()
    assert rows.sum() == pytest.approx(own.sum() * len(rows), rel=1.0)


def test_importance_of_pairs_is_the_mean_over_the_images_of_the_predicted_class(given, result):
    arrays = given[-1].arrays
    for label in range(result.arrays["pairs"].shape[1]):
        own = arrays["predictions"] == label
        found = result.arrays["pairs"][:, label]
        if own.any():
            expected = arrays["codes"][own].mean(axis=0) * arrays["head"][:, label]
            assert found == pytest.approx(expected)
        else:
            assert np.isnan(found).all()
    assert result.arrays["signed"].tolist() == arrays["signed_importance"].tolist()


def test_noise_of_no_size_moves_nothing_and_stronger_noise_moves_more(
    point, given, result, monkeypatch
):
    weak, _, strong = result.arrays["noise_variance"].mean(axis=1)
    assert 0 < weak < strong
    assert (result.arrays["noise_range"] ** 2 >= 0).all()
    monkeypatch.setattr(feature_reliance, "SIGMAS", (0.0, 0.0, 0.0))
    still = feature_reliance.run(point, given=given).arrays
    assert np.abs(still["noise_variance"]).max() < 1e-20
    assert np.abs(still["noise_range"]).max() < 1e-9


def test_sensitivity_is_the_variance_of_the_codes_of_noisy_pixels(point, given, net, monkeypatch):
    """The noise is drawn again by hand, and the first draw of all is looked at."""
    drawn = []

    def watched(*shape, generator):
        drawn.append(torch.ones(shape[0]) * (-1) ** len(drawn))
        return drawn[-1]

    monkeypatch.setattr(feature_reliance.torch, "randn", watched)
    found = feature_reliance.run(point, given=given).arrays
    pixels = image_nets.load(point.features.net).held_out[:10].float() / 255
    atoms = given[-1].arrays["atoms"]
    for sigma, variance in zip((0.01, 0.1, 0.5), found["noise_variance"], strict=True):
        codes = [
            nnls(activations(net, pixels + sign * sigma, parts=()).pooled, atoms).numpy()
            for sign in (1, -1, 1)
        ]
        assert variance == pytest.approx(np.var(codes, axis=0, ddof=1).mean(axis=0), rel=1e-4)
    alive = given[-1].arrays["variance"] > 0
    ratio = found["noise_variance"][:, alive] / given[-1].arrays["variance"][alive]
    assert found["noise_relative"][:, alive] == pytest.approx(ratio)
    assert np.isnan(found["noise_relative"][:, ~alive]).all()


def test_the_curve_of_removal_follows_complexity(point, given, net, result):
    arrays = given[-1].arrays
    alive = np.flatnonzero(arrays["prevalence"] > 0)
    order = alive[np.argsort(-result.arrays["complexity"][-1][alive], kind="stable")]
    labels = image_nets.load(point.features.net).held_out_labels.numpy()
    bias = net.fc.bias.detach().numpy()

    def right(removed: np.ndarray) -> float:
        codes = arrays["codes"].astype(float)
        codes[:, removed] = 0
        return np.mean((codes @ arrays["head"] + bias).argmax(axis=1) == labels)

    whole = right(np.array([], dtype=int))
    for kind, sequence in (("complex_first", order), ("simple_first", order[::-1])):
        counts = [round(fraction * len(order)) for fraction in FRACTIONS]
        expected = [right(sequence[:count]) / whole for count in counts]
        assert result.arrays[kind] == pytest.approx(expected), kind


def test_all_curves_begin_with_all_features_and_nothing_removed(result):
    for name in ("complex_first", "simple_first", "random", "matched"):
        assert (result.arrays[name][..., 0] == 1).all()
    for name in ("complex_removed", "matched_removed"):
        assert (result.arrays[name][..., 0] == 0).all()
        assert (np.diff(result.arrays[name], axis=-1) >= 0).all()


def test_more_noise_and_wider_nets_cost_more(point):
    longer = point.model_copy(update={"noise_draws": 6})
    net = point.features.net.model_copy(update={"width": 16})
    wider = longer.model_copy(update={"features": point.features.model_copy(update={"net": net})})
    assert_costs_grow(feature_reliance, point, longer, wider)


def test_the_data_of_a_point_are_those_of_its_net(point):
    own = image_nets.data_fingerprint(point.features.net)
    assert feature_reliance.data_fingerprint(point) == own
    assert feature_reliance.data_source(point) == "shapes"


def test_the_first_epoch_is_the_first_kept_after_the_start():
    net = SimpleNamespace(keep=(0, 2, 5, 9))
    config = SimpleNamespace(features=SimpleNamespace(net=net))
    assert feature_reliance.epochs(config) == (0, 2, 9)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("draws", 1),
        ("masks", 0),
        ("noise_images", 9),
        ("noise_draws", 1),
        ("noise_draws", 2.5),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)
