"""Effects of components on made-up features whose answer is known."""

import numpy as np
import pytest

from strata.experiments.component_data import Data, load
from strata.experiments.component_effects import effects, replaced
from strata.measures.components import variance
from strata.measures.shapley import shapley_values
from strata.runs.result import Result

DATA = Data.vectors("manifold", 120, 100)
K, ORDERS, OWN = 3, 4, (30, 50)
NETS = len(OWN)
GAMES = ("losses_train", "losses_test", "losses_train_centred", "losses_test_centred")


def made(seed: int = 0, own: tuple[int, ...] = OWN) -> tuple[Result, np.ndarray]:
    """Two nets with features that know the labels a little, and a chain's outputs on the pool.

    The outputs of the test images follow after those of the pool: (orders, nets, 220, K).
    """
    rng = np.random.default_rng(seed)
    pool = load(DATA)
    labels = np.concatenate([pool.labels, pool.test_labels])
    weight = rng.normal(size=(NETS, pool.classes, K))
    feature = 0.5 * rng.normal(size=(NETS, len(labels), K)) + 2 * weight[:, labels]
    noise = (
        rng.normal(size=(ORDERS, *feature.shape)) * np.array([2, 1, 0.5, 0.3])[:, None, None, None]
    )
    arrays = {
        "pool": feature[:, : DATA.pool],
        "test": feature[:, DATA.pool :],
        "head_weight": weight,
        "head_bias": rng.normal(size=(NETS, pool.classes)),
    }
    arrays |= {f"own_{i}": rng.permutation(DATA.pool)[:n] for i, n in enumerate(own)}
    return Result(metrics={"targets": [{}] * NETS}, arrays=arrays), feature + noise


def chain(family: Result, outputs: np.ndarray) -> Result:
    """Outputs (orders, nets, images, K) in the chain format."""
    arrays = {"test": outputs[:, :, DATA.pool :]}
    for i in range(NETS):
        arrays[f"own_{i}"] = outputs[:, i][:, family.arrays[f"own_{i}"]]
    return Result(arrays=arrays)


@pytest.fixture(scope="module")
def nets():
    return made()


@pytest.fixture(scope="module")
def found(nets):
    family, outputs = nets
    return effects(family, chain(family, outputs), DATA)


def mean_loss(family: Result, i: int, features: np.ndarray, labels: np.ndarray) -> float:
    """Head and cross-entropy written out again."""
    weight, bias = family.arrays["head_weight"][i], family.arrays["head_bias"][i]
    logits = np.maximum(features, 0) @ weight.T + bias
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[range(len(labels)), labels]))


def test_a_few_coalitions_by_hand(nets, found):
    family, outputs = nets
    pool = load(DATA)
    own = family.arrays["own_1"]
    images = {
        "train": (family.arrays["pool"][1][own], outputs[:, 1][:, own], pool.labels.numpy()[own]),
        "test": (family.arrays["test"][1], outputs[:, 1, DATA.pool :], pool.test_labels.numpy()),
    }
    for kind, (feature, phi, labels) in images.items():
        rest = feature - phi[-1]
        second = phi[1] - phi[0]
        losses = found[f"losses_{kind}"][1]
        assert losses[0b0000] == pytest.approx(mean_loss(family, 1, rest, labels))
        assert losses[0b0010] == pytest.approx(mean_loss(family, 1, rest + second, labels))
        assert losses[0b0111] == pytest.approx(mean_loss(family, 1, rest + phi[2], labels))
        assert losses[0b1111] == pytest.approx(mean_loss(family, 1, feature, labels))
        centre = images["train"][1].mean(axis=1)
        moved = mean_loss(family, 1, rest + second - (centre[1] - centre[0]) + centre[-1], labels)
        assert found[f"losses_{kind}_centred"][1][0b0010] == pytest.approx(moved)


def test_the_shares_sum_to_what_all_components_save(found):
    for game in GAMES:
        phi = found[game.replace("losses", "phi")]
        assert phi.shape == (NETS, ORDERS)
        assert phi.sum(axis=1) == pytest.approx(found[game][:, 0] - found[game][:, -1])
        assert phi[0] == pytest.approx(shapley_values(found[game][0, 0] - found[game][0]))


def test_with_and_without_means_all_components_lead_to_the_same_feature(found):
    for kind in ("train", "test"):
        whole = found[f"losses_{kind}"][:, -1]
        assert found[f"losses_{kind}_centred"][:, -1] == pytest.approx(whole)


def test_overfitting_is_the_share_of_the_game_of_the_difference(found):
    """Linearity: the value of "test minus training loss" over that of the training loss."""
    difference = found["losses_test"] - found["losses_train"]
    over = np.stack([shapley_values(losses - losses[0]) for losses in difference])
    known = np.isfinite(found["overfitting"])
    assert known.any()
    assert found["overfitting"][known] == pytest.approx((over / found["phi_train"])[known])
    clear = found["phi_train"] > 2 * found["error_train"]
    assert (known == clear).all()


def test_effectiveness_is_per_deviation_on_the_test_images(nets, found):
    _, outputs = nets
    spread = variance(outputs[2, 0, DATA.pool :] - outputs[1, 0, DATA.pool :])
    assert found["variance"][0, 2] == pytest.approx(spread)
    for kind in ("", "_centred"):
        expected = found[f"phi_train{kind}"] / np.sqrt(found["variance"])
        assert found[f"effectiveness{kind}"] == pytest.approx(expected)


def test_a_constant_that_students_add_counts_only_without_centring(nets, found):
    family, outputs = nets
    shifted = effects(family, chain(family, outputs + 1.5), DATA)
    for name, values in found.items():
        if name.endswith("_centred") or name == "variance":
            assert shifted[name] == pytest.approx(values, nan_ok=True), name
    assert not np.allclose(shifted["phi_train"][:, 0], found["phi_train"][:, 0])


def test_what_a_student_gets_all_right_leaves_nothing_to_later_ones(nets):
    """Later outputs differ in a direction that the head does not see: dummies."""
    family, outputs = nets
    features = np.concatenate([family.arrays["pool"], family.arrays["test"]], axis=1)
    blind = family.arrays["head_weight"] * np.array([1.0, 1.0, 0.0])
    family = Result(family.metrics, family.arrays | {"head_weight": blind})
    unseen = outputs * np.array([0.0, 0.0, 1.0]) + features * np.array([1.0, 1.0, 0.0])
    found = effects(family, chain(family, unseen), DATA)
    assert found["phi_test"][:, 1:] == pytest.approx(0, abs=1e-12)
    saved = found["losses_test"][:, 0] - found["losses_test"][:, -1]
    assert found["phi_test"][:, 0] == pytest.approx(saved)


def test_components_that_are_alike_have_equal_shares(nets):
    family, outputs = nets
    alike = outputs.copy()
    alike[2] = 2 * alike[1] - alike[0]
    found = effects(family, chain(family, alike), DATA)
    for game in ("phi_train", "phi_test"):
        assert found[game][:, 1] == pytest.approx(found[game][:, 2])


def test_nets_trained_on_the_test_images_themselves_do_not_overfit():
    """Own samples and test images are the same here."""
    family, outputs = made(own=(100, 100))
    first = np.arange(100)
    arrays = family.arrays | {
        "own_0": first,
        "own_1": first,
        "test": family.arrays["pool"][:, :100],
    }
    same = Result(family.metrics, arrays)
    students = chain(same, outputs)
    students.arrays["test"] = outputs[:, :, :100]
    pool = load(DATA)
    kept = pool.test_labels.clone()
    try:
        pool.test_labels.copy_(pool.labels[:100])
        found = effects(same, students, DATA)
    finally:
        pool.test_labels.copy_(kept)
    known = np.isfinite(found["overfitting"])
    assert known.any()
    assert found["overfitting"][known] == pytest.approx(0, abs=1e-12)


def test_a_student_that_is_the_feature_scores_as_the_net(nets):
    family, outputs = nets
    features = np.concatenate([family.arrays["pool"], family.arrays["test"]], axis=1)
    exact = outputs.copy()
    exact[1] = features
    found = replaced(family, chain(family, exact), DATA)
    assert found["accuracy"].shape == found["loss"].shape == (NETS, ORDERS)
    assert found["accuracy"][:, 1].tolist() == found["net_accuracy"].tolist()
    assert found["loss"][:, 1] == pytest.approx(found["net_loss"])
    labels = load(DATA).test_labels.numpy()
    expected = mean_loss(family, 0, outputs[2, 0, DATA.pool :], labels)
    assert found["loss"][0, 2] == pytest.approx(expected)


def test_image_features_are_averaged_over_positions_by_the_head(nets):
    """Maps that are the same at every position give what their vectors give."""
    family, outputs = nets
    flat = effects(family, chain(family, outputs), DATA)

    def spread(values: np.ndarray) -> np.ndarray:
        return np.tile(values[..., None, None], (2, 2))

    arrays = {n: spread(a) if n in ("pool", "test") else a for n, a in family.arrays.items()}
    maps = effects(Result(family.metrics, arrays), chain(family, spread(outputs)), DATA)
    for name, values in flat.items():
        assert maps[name] == pytest.approx(values, nan_ok=True), name
