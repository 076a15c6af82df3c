"""The statistics of D11 to D17 on made-up reconstructions whose answer is known."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import inversion_training_claims as claims
from strata.experiments.inversion_manifold import BASELINES, DESCENDED, KINDS
from strata.statistics import Estimate

EARLY, LATE, LAST = ["pool", "c2"], ["c4", "c5"], "c5"
SEEDS, IMAGES, JUDGED = range(4), 4, 3
GROUPS = [
    *(
        (kind, stage, method, "noise")
        for kind in KINDS
        for stage, method in product([*EARLY, *LATE], ("blurred", "adam"))
    ),
    *((kind, stage, "descent", "noise") for kind in DESCENDED for stage in ("c2", "c5")),
    *((kind, "c5", "adam", "gray") for kind in KINDS),
]
SPREAD = {"distance": 0.2, "embedding": 0.02}
USUAL: dict[str, dict[str, float]] = {
    "detail": {"late": 0.05, "early": 0.2, "natural early": 0.45, "matched early": 0.4},
    "distance": {"late": 12.0, "early": 7.0, "natural early": 5.0},
    "embedding": {"": 2.0, "natural": 1.0},
    "reference": {"": 1.0},
    "norm": {"": 10.0},
    "fine": {"": 0.5, "noise": 0.8},
    "start_share": {"": 0.9},
    "mixture": {"": 1.2},
    "pixels": {"": 1.2, "natural": 0.9},
    "features": {"": 1.0, "natural": 0.6},
    "pixels_seen": {"": 1.2, "natural": 0.9},
    "pixels_unseen": {"": 1.2, "natural": 1.0},
    "features_seen": {"": 1.0, "natural": 0.6},
    "features_unseen": {"": 1.0, "natural": 0.8},
    "own": {"": 0.2, "natural": 0.98},
    "own_chance": {"": 0.2, "natural": 0.9},
    "own_chance_wrong": {"": 0.2},
    "other_chance": {"": 0.2, "natural": 0.8},
    "other_chance_wrong": {"": 0.2},
}
"""What is true unless a test says otherwise: the claims, as far as they agree with each other. Keys
name a kind, a place or a method, the more exact last."""
NOTHING = {name: {"": 1.0} for name in USUAL}
"""A world in which training changes nothing."""


def images(**changes: dict[str, float]) -> pd.DataFrame:
    """Reconstructions of four seeds; photographs, which are not judged, have other numbers."""
    return _drawn({name: values | changes.get(name, {}) for name, values in USUAL.items()})


def _drawn(truth: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Two seeds stray from the truth as far as the other two do the other way."""
    rng = np.random.default_rng(0)
    shape = (len(GROUPS), len(SEEDS), IMAGES)
    keys = [np.ravel(axis) for axis in np.indices(shape)]
    names = ("kind", "stage", "method", "start")
    columns = {name: np.array(GROUPS)[keys[0], i] for i, name in enumerate(names)}
    columns |= {"seed": keys[1], "image": keys[2], "judged": keys[2] < JUDGED}
    for name, values in truth.items():
        means = [_value(values, *group) for group in GROUPS]
        half = SPREAD.get(name, 0.01) * rng.normal(size=(len(GROUPS), len(SEEDS) // 2, IMAGES))
        numbers = np.reshape(means, (-1, 1, 1)) + np.concatenate([half, -half], axis=1)
        columns[name] = np.where(columns["judged"], numbers.ravel(), 100.0)
    return pd.DataFrame(columns)


def _value(values: dict[str, float], kind: str, stage: str, method: str, start: str) -> float:
    words = {kind, "early" if stage in EARLY else "late", method}
    return next(value for key, value in reversed(values.items()) if set(key.split()) <= words)


def baselines(**changes: float) -> pd.DataFrame:
    """Looks at images that no net made; the originals are as near to seen as to unseen ones."""
    rng = np.random.default_rng(1)
    values = {"original": 0.9, "start": 1.4, "blurred start": 1.2, "noise": 1.4} | changes
    columns = [name for name in USUAL if name.startswith(("pixels", "features"))]
    return pd.DataFrame(
        [
            {"kind": kind, "seed": seed, "image": image, "judged": image < JUDGED}
            | {c: values[kind] + 0.01 * rng.normal() if image < JUDGED else 100.0 for c in columns}
            for kind, seed, image in product(BASELINES, SEEDS, range(IMAGES))
        ]
    )


def lessons(**changes: float) -> pd.DataFrame:
    """Training accuracies."""
    values = dict.fromkeys(("natural", "matched", "random_labels", "noise"), 0.99) | changes
    return pd.DataFrame(
        [
            {"kind": kind, "seed": seed, "training_accuracy": value}
            for (kind, value), seed in product(values.items(), SEEDS)
        ]
    )


def judged(claim: str, table: pd.DataFrame, base: pd.DataFrame | None = None) -> dict[str, str]:
    return verdicts(claim, estimates(claim, table, base))


def estimates(
    claim: str, table: pd.DataFrame, base: pd.DataFrame | None = None
) -> dict[str, Estimate]:
    """The parts of a claim, as the chapter takes them."""
    base = baselines() if base is None else base
    ways = {
        "D11": lambda: claims.detail_and_distance(table, EARLY),
        "D11b": lambda: claims.detail_and_distance(table, EARLY, against="calibrated"),
        "D11c": lambda: claims.clearer_by_adam(table, EARLY),
        "D12": lambda: claims.detail_and_distance(table, LATE),
        "D12b": lambda: claims.detail_and_distance(table, LATE, against="calibrated"),
        "D12c": lambda: claims.early_gain_more(table, EARLY, LATE),
        "D13": lambda: claims.embedding_nearer(table, LAST),
        "D13b": lambda: claims.embedding_nearer_in_its_units(table, LAST),
        "D13c": lambda: claims.embedding_nearer_in_its_units(table, LAST, "calibrated"),
        "D13d": lambda: claims.embedding_nearer_in_its_units(table, LAST, method="adam"),
        "D14": lambda: claims.natural_images(table, EARLY),
        "D14b": lambda: claims.natural_images_matched(table, EARLY),
        "D14c": lambda: claims.labels_needed(table, EARLY),
        "D14d": lambda: claims.natural_images_by_adam(table, EARLY),
        "D14e": lambda: claims.learned(lessons()),
        "D15": lambda: claims.on_the_manifold(table, base, LATE),
        "D15b": lambda: claims.on_the_manifold(table, base, LATE, method="adam"),
        "D15c": lambda: claims.on_the_manifold(table, base, LATE, space="features"),
        "D15d": lambda: claims.seen_rather_than_unseen(table, base, LATE),
        "D15e": lambda: claims.beside_the_original(table, LATE),
        "D16": lambda: claims.noise_added(table, LAST),
        "D16b": lambda: claims.noise_added_by_others(table, LAST),
        "D16c": lambda: claims.noise_kept(table, LAST),
        "D17": lambda: claims.own_class(table, LAST),
        "D17b": lambda: claims.class_for_others(table, LAST),
        "D17c": lambda: claims.class_from_others(table, LAST),
    }
    return ways[claim]()


MARKS = [
    pytest.mark.claim("D11"),
    pytest.mark.claim("D11b"),
    pytest.mark.claim("D11c"),
    pytest.mark.claim("D12"),
    pytest.mark.claim("D12b"),
    pytest.mark.claim("D12c"),
    pytest.mark.claim("D13"),
    pytest.mark.claim("D13b"),
    pytest.mark.claim("D13c"),
    pytest.mark.claim("D13d"),
    pytest.mark.claim("D14"),
    pytest.mark.claim("D14b"),
    pytest.mark.claim("D14c"),
    pytest.mark.claim("D14d"),
    pytest.mark.claim("D14e"),
    pytest.mark.claim("D15"),
    pytest.mark.claim("D15b"),
    pytest.mark.claim("D15c"),
    pytest.mark.claim("D15d"),
    pytest.mark.claim("D15e"),
    pytest.mark.claim("D16"),
    pytest.mark.claim("D16b"),
    pytest.mark.claim("D16c"),
    pytest.mark.claim("D17"),
    pytest.mark.claim("D17b"),
    pytest.mark.claim("D17c"),
]
ALL = [pytest.param(mark.args[0], marks=mark) for mark in MARKS]


NO_CHANGE = ("D12", "D12b", "D14e")
"""They say that something does not change, or do not compare with an untrained net."""


@pytest.mark.parametrize("claim", ALL)
def test_a_claim_is_found_where_it_is_true(claim):
    found = estimates(claim, images())
    assert set(verdicts(claim, found).values()) == {"reproduced"}
    assert {estimate.n for estimate in found.values()} == {len(SEEDS)}


@pytest.mark.parametrize("claim", [param for param in ALL if param.values[0] not in NO_CHANGE])
def test_no_claim_is_found_where_training_changes_nothing(claim):
    found = judged(claim, _drawn(NOTHING), baselines(**dict.fromkeys(BASELINES, 1.0)))
    parts = {part: verdict for part, verdict in found.items() if part != "all"}
    # Parts that ask for a level or for no gain may hold; the claim may not.
    allowed = {"D14": {"noise"}, "D16c": {"share", "same"}, "D17": {"blurred", "adam"}}
    held = {part for part, verdict in parts.items() if verdict == "reproduced"}
    assert held <= allowed.get(claim, set())


FAULTS = [
    ("D11", "detail", {"detail": {"natural early": 0.1}}),
    ("D11", "distance", {"distance": {"natural early": 8.0}}),
    ("D11b", "detail", {"detail": {"calibrated early": 0.6}}),
    ("D11b", "distance", {"distance": {"calibrated early": 4.0}}),
    ("D11c", "detail", {"detail": {"natural early adam": 0.1}}),
    ("D11c", "distance_calibrated", {"distance": {"calibrated early adam": 4.0}}),
    ("D12", "detail", {"detail": {"natural late": 0.3}}),
    ("D12", "distance", {"distance": {"natural late": 9.0}}),
    ("D12c", "untrained", {"detail": {"natural early": 0.1}}),
    ("D12c", "calibrated", {"detail": {"calibrated early": 0.45}}),
    ("D12b", "detail", {"detail": {"natural late": 0.3}}),
    ("D12b", "distance", {"distance": {"calibrated late": 19.0}}),
    ("D13", "raw", {"embedding": {"natural descent": 4.0}}),
    ("D13b", "reference", {"reference": {"untrained": 4.0}}),
    ("D13b", "norm", {"norm": {"untrained": 40.0}}),
    ("D13c", "reference", {"reference": {"calibrated": 4.0}}),
    ("D13c", "norm", {"norm": {"calibrated": 40.0}}),
    ("D13d", "reference", {"embedding": {"natural adam": 4.0}}),
    ("D13d", "norm", {"embedding": {"natural adam": 4.0}}),
    ("D14", "noise", {"detail": {"noise early": 0.4}}),
    ("D14", "difference", {"detail": {"noise early": 0.5}}),
    ("D14b", "natural", {"detail": {"matched early": 0.1}}),
    ("D14b", "difference", {"detail": {"noise early": 0.5}}),
    ("D14c", "labels", {"detail": {"random_labels early": 0.5}}),
    ("D14d", "difference", {"detail": {"noise early adam": 0.5}}),
    ("D14d", "matched", {"detail": {"matched early adam": 0.1}}),
    ("D15", "untrained", {"pixels": {"untrained late": 0.8}}),
    ("D15", "calibrated", {"pixels": {"calibrated late": 0.8}}),
    ("D15", "random_labels", {"pixels": {"random_labels late": 0.8}}),
    ("D15", "noise", {"pixels": {"noise late": 0.8}}),
    ("D15", "start", {"pixels": {"": 1.6, "natural": 1.5}}),
    ("D15b", "untrained", {"pixels": {"untrained late adam": 0.8}}),
    ("D15c", "noise", {"features": {"noise late": 0.4}}),
    ("D15d", "pixels", {"pixels_unseen": {"natural": 0.8}}),
    ("D15d", "features", {"features_unseen": {"natural": 0.5}}),
    ("D15e", "trained", {"mixture": {"natural": 0.9}}),
    ("D15e", "untrained", {"mixture": {"untrained": 1.6}}),
    ("D15e", "calibrated", {"mixture": {"calibrated": 1.6}}),
    ("D16", "trained", {"fine": {"natural": 0.9}}),
    ("D16", "matched", {"fine": {"matched": 0.9}}),
    ("D16b", "untrained", {"fine": {"untrained": 0.9}}),
    ("D16b", "calibrated", {"fine": {"calibrated": 0.9}}),
    ("D16b", "random_labels", {"fine": {"random_labels": 0.9}}),
    ("D16c", "share", {"start_share": {"noise": 0.3, "calibrated": 0.3}}),
    ("D16c", "same", {"start_share": {"noise": 0.9, "calibrated": 0.6}}),
    ("D17", "blurred", {"own": {"natural blurred": 0.3}}),
    ("D17", "adam", {"own": {"natural adam": 0.3}}),
    ("D17b", "independent", {"other_chance": {"natural": 0.25}}),
    ("D17c", "own", {"own_chance": {"": 0.85, "natural": 0.9}}),
    ("D17c", "independent", {"other_chance": {"untrained": 0.75}}),
]


@pytest.mark.parametrize(
    ("claim", "part", "change"),
    [pytest.param(*fault, marks=pytest.mark.claim(fault[0])) for fault in FAULTS],
)
def test_a_claim_fails_in_the_part_that_is_false(claim, part, change):
    found = judged(claim, images(**change))
    assert found[part] == "not reproduced"
    assert found["all"] == "not reproduced"


@pytest.mark.parametrize("claim", ["D11", "D15", "D17"])
def test_what_the_study_does_not_do_decides_nothing_of_its_claims(claim):
    """Other methods, other starts and photographs."""
    change = {"detail": {"natural early adam": -1.0}, "pixels": {"natural late adam": 9.0}}
    assert judged(claim, images(**change))["all"] == "reproduced"


@pytest.mark.claim("D14e")
def test_d14e_wants_each_of_the_three_nets_to_have_learned():
    for kind in ("matched", "random_labels", "noise"):
        found = verdicts("D14e", claims.learned(lessons(**{kind: 0.7})))
        assert [part for part, verdict in found.items() if verdict == "not reproduced"] == [
            kind,
            "all",
        ]
    assert verdicts("D14e", claims.learned(lessons(natural=0.1)))["all"] == "reproduced"


def test_a_small_effect_is_not_called_a_large_one():
    """Below the margin: neither clearer, nor nearer."""
    small = {"detail": {"natural early": 0.23}, "pixels": {"natural": 1.17}}
    for claim, part in (("D11", "detail"), ("D15", "untrained")):
        assert judged(claim, images(**small))[part] == "not reproduced"


def test_ratios_are_geometric_means():
    table = images()
    table["distance"] = np.where(table["kind"] == "natural", 6.0, 12.0) * (1 + table["image"])
    found = claims.detail_and_distance(table, EARLY)["distance"]
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_class_seen_in_everything_is_no_agreement():
    always = {"": 0.2, "natural": 0.7}
    found = estimates("D17b", images(other_chance=always, other_chance_wrong=always))
    assert abs(found["independent"].value) < 0.02


def test_a_missing_stage_is_refused():
    table = images()
    with pytest.raises(ValueError, match="has 4 of 8 cells of detail"):
        claims.detail_and_distance(table[table["stage"] != "c2"], EARLY)
