"""The statistics of A7 to A12 and A17 on made-up nets whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import feature_reliance_claims as claims
from strata.experiments.feature_reliance import EPOCHS, FRACTIONS, SIGMAS
from strata.runs.result import Result

SEEDS, K, DRAWS, CLASSES = range(5), 60, 5, 6
HALF = FRACTIONS.index(0.5)
FALLING, FLAT, RISING = -1.0, 0.0, 1.0


def noisy(slope: float, rng: np.random.Generator, noise: float = 0.5) -> np.ndarray:
    """Positive values of features 0 ... K - 1, the simplest first."""
    return np.exp(slope * np.linspace(0, 2, K) + noise * rng.normal(size=K))


def arrays(
    rng: np.random.Generator,
    *,
    importance: tuple[float, float, float] = (FLAT, FLAT, FALLING),
    shuffled: tuple[float, float, float] = (FLAT, FLAT, FLAT),
    redundancy: float = FALLING,
    neurons: float = RISING,
    sensitivity: float = RISING,
    half: float = 0.6,
    matched: float = 0.8,
    inhibitors: str = "simple",
) -> dict[str, np.ndarray]:
    """What a point measures, with these trends over complexity, in an order of its own."""
    names = rng.permutation(K)
    complexity = np.tile(np.linspace(0.1, 0.9, K), (3, 1))
    curve = np.linspace(1, 0.2, len(FRACTIONS))
    fall, beside = curve.copy(), np.tile(curve, (DRAWS, 1))
    fall[HALF], beside[:, HALF] = half + 0.01 * rng.normal(), matched
    pairs = np.abs(rng.normal(size=(K, CLASSES))) + 0.1
    pairs[: K // 2, : 4 if inhibitors == "simple" else 2] *= -1
    pairs[K // 2 :, : 2 if inhibitors == "simple" else 4] *= -1
    found = {
        "complexity": complexity,
        "complexity_raw": complexity,
        "importance": np.stack([noisy(slope, rng) for slope in importance]),
        "shuffled": np.stack(
            [[noisy(slope, rng) for _ in range(DRAWS)] for slope in shuffled],
        ),
        "prevalence": rng.uniform(0.1, 0.9, size=(3, K)),
        "last_r2": rng.uniform(0.5, 0.9, size=(3, K)),
        "redundancy_cka": noisy(redundancy, rng),
        "redundancy_r2": noisy(redundancy, rng),
        "neurons": noisy(neurons, rng),
        "pairs": pairs,
        "signed": pairs.mean(axis=1),
    } | {
        f"noise_{kind}": np.stack([noisy(sensitivity, rng) for _ in SIGMAS])
        for kind in ("variance", "relative", "range")
    }
    found |= {
        "size": rng.uniform(0.1, 0.9, size=(3, K)),
        "importance_label": noisy(importance[-1], rng),
        "redundancy_halves": np.stack([noisy(redundancy, rng) for _ in range(2)]),
    }
    found = {name: values[..., names] for name, values in found.items() if name != "pairs"}
    return found | {
        "pairs": pairs[names],
        "complex_first": fall,
        "simple_first": curve,
        "random": beside,
        "matched": beside,
    }


def place(dictionary: str = "joint", seed: int = 0, data: str = "a", width: int = 8):
    net = SimpleNamespace(data=data, width=width, seed=seed)
    return SimpleNamespace(features=SimpleNamespace(net=net, dictionary=dictionary))


def table(elsewhere: dict | None = None, classwise: dict | None = None, **changes: object):
    """Five nets with both dictionaries, and perhaps five of another data set."""
    points, results = [], []
    for data, traits in (("a", changes), *([("b", elsewhere)] if elsewhere else [])):
        for dictionary in ("joint", "classwise"):
            own = classwise if dictionary == "classwise" and classwise and data == "a" else {}
            for seed in SEEDS:
                rng = np.random.default_rng([seed, len(points)])
                points.append(place(dictionary, seed, data))
                results.append(Result(arrays=arrays(rng, **traits | own)))
    return claims.table(points, results)


@pytest.mark.claim("A7")
def test_a7_finds_important_features_simple_and_chance_not():
    found = claims.simplicity_bias(table())
    assert found["plain"].value == pytest.approx(found["shuffled"].value, abs=0.1)
    assert found["partial"].value < -0.5
    assert found["plain"].n == len(SEEDS)
    assert set(verdicts("A7", found).values()) == {"reproduced"}


@pytest.mark.claim("A7")
def test_a7_refuses_what_any_head_would_show():
    """The codes fall with complexity, so every head finds simple features important."""
    found = verdicts("A7", claims.simplicity_bias(table(shuffled=(-2.0, -2.0, -2.0))))
    assert found["plain"] == "reproduced"
    assert found["shuffled"] == found["all"] == "not reproduced"


@pytest.mark.claim("A7")
def test_a7_refuses_importance_that_rises_and_wants_both_dictionaries():
    rising = (FLAT, FLAT, RISING)
    assert set(verdicts("A7", claims.simplicity_bias(table(importance=rising))).values()) == {
        "not reproduced"
    }
    found = verdicts("A7", claims.simplicity_bias(table(classwise={"importance": rising})))
    assert found["plain"] == "reproduced"
    assert found["plain_classwise"] == found["all"] == "not reproduced"


@pytest.mark.claim("A7")
def test_a7_partial_sees_through_prevalence():
    """Importance is prevalence and nothing else; prevalence falls with complexity."""
    net = arrays(np.random.default_rng(0))
    rank = np.argsort(np.argsort(net["complexity"][-1]))
    own = np.random.default_rng(1).normal(size=K)
    net["prevalence"][:] = 1 / (1 + np.exp(rank / 15 + own - 2))
    net["importance"][:] = net["prevalence"] * (1 + 0.05 * np.random.default_rng(2).random((3, K)))
    found = claims.over_epochs(net)
    assert found["importance_last"] < -0.5
    assert abs(found["partial_last"]) < 0.3


@pytest.mark.claim("A8")
def test_a8_tells_a_bias_that_comes_from_one_that_was_there():
    found = verdicts("A8", claims.no_bias_yet(table()))
    assert found["fall"] == found["fall_classwise"] == "reproduced"
    assert found["first"] in ("reproduced", "inconclusive"), "60 features leave some noise"
    found = verdicts("A8", claims.no_bias_yet(table(importance=(FLAT, FALLING, FLAT))))
    assert found["first"] == found["fall"] == found["all"] == "not reproduced"


@pytest.mark.claim("A8")
def test_a8_takes_no_bias_as_a_small_one_and_not_as_two_that_cancel():
    """A large sample of features without any trend is inside the margin."""
    nets = table()
    nets["importance_first"] = 0.02 * (nets["seed"] - 2)
    assert verdicts("A8", claims.no_bias_yet(nets))["first"] == "reproduced"
    nets["importance_first"] = 0.6 * (-1.0) ** nets["seed"]
    assert verdicts("A8", claims.no_bias_yet(nets))["first"] == "inconclusive"


@pytest.mark.claim("A9")
def test_a9_asks_whether_the_complex_half_is_missed():
    found = claims.support(table())
    assert found["half"].value == pytest.approx(0.6, abs=0.02)
    assert set(verdicts("A9", found).values()) == {"reproduced"}
    assert set(verdicts("A9", claims.support(table(half=1.1))).values()) == {"not reproduced"}
    assert verdicts("A9", claims.support(table(half=1.0)))["half"] == "inconclusive"


@pytest.mark.claim("A9b")
def test_a9b_asks_whether_it_is_missed_more_than_its_importance_says():
    found = claims.support_beyond_importance(table())
    assert found["matched"].value == pytest.approx(-0.2, abs=0.02)
    assert set(verdicts("A9b", found).values()) == {"reproduced"}
    found = claims.support_beyond_importance(table(matched=0.4))
    assert set(verdicts("A9b", found).values()) == {"not reproduced"}


@pytest.mark.claim("A10")
def test_a10_wants_less_redundancy_by_both_scores():
    assert set(verdicts("A10", claims.redundancy(table())).values()) == {"reproduced"}
    found = verdicts("A10", claims.redundancy(table(redundancy=RISING)))
    assert set(found.values()) == {"not reproduced"}
    nets = table()
    nets["r2"] = -nets["r2"]
    found = verdicts("A10", claims.redundancy(nets))
    assert (found["cka"], found["r2"], found["all"]) == (
        "reproduced",
        "not reproduced",
        "not reproduced",
    )


@pytest.mark.claim("A11")
def test_a11_wants_it_at_every_strength_of_the_noise():
    found = verdicts("A11", claims.robustness(table()))
    assert len(found) == 2 * len(SIGMAS) + 1
    assert set(found.values()) == {"reproduced"}
    found = verdicts("A11", claims.robustness(table(sensitivity=FALLING)))
    assert set(found.values()) == {"not reproduced"}
    nets = table()
    nets["relative_0.5"] = -nets["relative_0.5"]
    found = verdicts("A11", claims.robustness(nets))
    assert (found["sigma_0.1"], found["sigma_0.5"]) == ("reproduced", "not reproduced")
    assert found["all"] == "not reproduced"


@pytest.mark.claim("A12")
def test_a12_counts_inhibitory_pairs_of_simple_features():
    """4 of 6 classes for a simple feature, 2 of 6 for a complex one: 2 of 3 pairs are simple."""
    found = claims.inhibitors(table())
    assert found["share"].value == pytest.approx(2 / 3)
    assert set(verdicts("A12", found).values()) == {"reproduced"}
    found = claims.inhibitors(table(inhibitors="complex"))
    assert found["share"].value == pytest.approx(1 / 3)
    assert set(verdicts("A12", found).values()) == {"not reproduced"}


@pytest.mark.claim("A12b")
def test_a12b_weighs_inhibition_against_excitation():
    found = claims.inhibition_beyond_importance(table())
    assert found["mass"].value == pytest.approx(1 / 3, abs=0.1)
    assert set(verdicts("A12b", found).values()) == {"reproduced"}
    found = claims.inhibition_beyond_importance(table(inhibitors="complex"))
    assert set(verdicts("A12b", found).values()) == {"not reproduced"}


@pytest.mark.claim("A17")
def test_a17_wants_complex_features_spread_over_more_neurons():
    assert set(verdicts("A17", claims.neurons_needed(table())).values()) == {"reproduced"}
    found = verdicts("A17", claims.neurons_needed(table(neurons=FALLING)))
    assert set(found.values()) == {"not reproduced"}


def pairs_net(pairs: list[list[float]], complexity: list[float]) -> dict[str, np.ndarray]:
    k = len(complexity)
    return {
        "prevalence": np.ones((3, k)),
        "complexity": np.tile(complexity, (3, 1)),
        "pairs": np.array(pairs, dtype=float),
        "signed": np.nanmean(pairs, axis=1),
    }


def test_signs_are_counted_and_weighed_by_hand():
    """Two simple and two complex features, three classes; the last class is never predicted."""
    nan = np.nan
    found = claims.signs(
        pairs_net([[-1, 2, nan], [-3, -1, nan], [0, 4, nan], [-5, 6, nan]], [0.1, 0.2, 0.3, 0.4])
    )
    assert found["inhibitory"] == pytest.approx(3 / 4)
    assert found["excitatory"] == pytest.approx(1 / 3)
    assert found["inhibitory_mass"] == pytest.approx(5 / 10)
    assert found["excitatory_mass"] == pytest.approx(2 / 12)
    assert found["mass_gap"] == pytest.approx(5 / 10 - 2 / 12)
    assert found["pairs"] == pytest.approx(4 / 7)
    assert found["mass"] == pytest.approx(10 / 22)
    assert found["negative"] == pytest.approx(1 / 4)


def test_counts_of_the_two_signs_say_the_same_thing_once_and_masses_do_not():
    """Where every feature meets every class, one share is above a half where the other is not."""
    gaps = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        found = claims.signs(pairs_net(rng.normal(size=(20, 5)), list(range(20))))
        inhibitory = found["pairs"] * (found["inhibitory"] - 0.5)
        assert inhibitory == pytest.approx((found["pairs"] - 1) * (found["excitatory"] - 0.5))
        gaps.append((found["inhibitory_mass"] - 0.5) * (found["excitatory_mass"] - 0.5))
    assert min(gaps) < 0 < max(gaps)


def test_a_net_without_inhibition_is_an_error():
    with pytest.raises(ValueError, match="inhibitory"):
        claims.signs(pairs_net([[1, 2], [3, 4]], [0.1, 0.2]))


def test_dead_features_do_not_count():
    """They would be complex, unimportant and of no use to anyone."""
    net = arrays(np.random.default_rng(0))
    grown = {}
    for name, values in net.items():
        if name in ("complex_first", "simple_first", "random", "matched"):
            grown[name] = values
        elif name == "pairs":
            grown[name] = np.r_[values, np.zeros((9, CLASSES))]
        else:
            fill = 1.0 if name.startswith("complexity") else 0.0
            dead = np.full((*values.shape[:-1], 9), fill)
            grown[name] = np.concatenate([values, dead], axis=-1)
    assert claims.statistics(grown) == pytest.approx(claims.statistics(net))


def test_each_epoch_is_told_by_its_name():
    net = arrays(np.random.default_rng(0), importance=(RISING, FLAT, FALLING))
    found = claims.over_epochs(net)
    assert found["importance_start"] > 0.5 > found["importance_first"] > -0.5
    assert found["importance_last"] < -0.5
    for epoch in EPOCHS:
        gap = found[f"importance_{epoch}"] - found[f"shuffled_{epoch}"]
        assert found[f"excess_{epoch}"] == pytest.approx(gap)
    assert found["raw_last"] == found["importance_last"], "here both complexities are the same"


def test_the_mean_over_shuffled_heads_is_one_of_correlations_and_not_of_importances():
    """Two heads with opposite rankings cancel, however unequal their sizes."""
    net = arrays(np.random.default_rng(0))
    k = net["complexity"][-1]
    net["shuffled"] = np.tile(np.stack([k, 100 * (1 - k)]), (3, 1, 1))
    assert claims.over_epochs(net)["shuffled_last"] == pytest.approx(0)


def test_a_value_that_all_features_share_correlates_with_nothing():
    net = arrays(np.random.default_rng(0))
    net["neurons"][:] = 7
    found = claims.at_the_end(net)
    assert found["neurons"] == found["partial_neurons"] == 0


def test_features_without_a_value_are_left_out_of_that_correlation_alone():
    net = arrays(np.random.default_rng(0))
    before = claims.at_the_end(net)
    worst = np.argsort(net["complexity"][-1])[:5]
    net["redundancy_r2"][worst] = np.nan
    after = claims.at_the_end(net)
    kept = np.setdiff1d(np.arange(K), worst)
    ranks = [np.argsort(np.argsort(v[kept])) for v in (net["complexity"][-1], net["redundancy_r2"])]
    assert after["r2"] == pytest.approx(np.corrcoef(ranks)[0, 1])
    assert after["cka"] == before["cka"]
    assert claims.correlation([1, 2, 3, np.nan], [2, 4, 9, 0]) == 1


def test_partial_correlations_see_through_prevalence_and_the_last_block():
    """Both are mixtures of what is held fixed and of noise of their own."""
    rng = np.random.default_rng(0)
    net = arrays(rng)
    for fixed in ("prevalence", "last_r2"):
        names = ("redundancy_cka", "neurons")
        values = {name: net[fixed][-1] + 0.1 * rng.normal(size=K) for name in names}
        shared = {"complexity": np.tile(net[fixed][-1] + 0.1 * rng.normal(size=K), (3, 1))}
        found = claims.at_the_end(net | values | shared)
        for name in ("cka", "neurons"):
            assert found[name] > 0.5
            assert abs(found[f"partial_{name}"]) < 0.35  # K features: two standard deviations


def test_removal_reads_the_half_and_compares_with_the_mean_of_the_draws():
    net = arrays(np.random.default_rng(0), half=0.6)
    net["random"][:, HALF] = np.linspace(0.5, 0.9, DRAWS)
    net["complex_first"][HALF] = 0.6
    found = claims.removal(net | {"matched": net["random"] - 0.3})
    assert found["random"] == pytest.approx(0.7)
    assert found["against_random"] == pytest.approx(-0.1)
    assert found["against_matched"] == pytest.approx(0.2)
    assert found["simple"] == net["simple_first"][HALF]


def test_dictionary_seeds_stand_beside_each_other():
    """One net, two dictionaries; the last feature is dead and does not count."""
    net = SimpleNamespace(data="a", width=8, seed=3)
    configs = [SimpleNamespace(net=net, dictionary_seed=seed) for seed in range(2)]
    r2 = np.array([[0.9, 0.5, 0.1, 0.0], [0.9, 0.5, 0.3, 0.0]])
    results = [
        Result(
            arrays={
                "r2_1": r2,
                "prevalence": np.array([1.0, 1.0, 1.0, 0.0]),
                "importance": np.array([*gamma, 0.0]),
            }
        )
        for gamma in ((3.0, 2.0, 1.0), (1.0, 2.0, 3.0))
    ]
    found = claims.by_dictionary_seed(configs, results)
    assert found.loc[("a", 8, 3)].to_dict() == {0: -1.0, 1: 1.0}


def test_only_the_first_data_set_is_judged():
    other = {"importance": (FALLING, FALLING, RISING), "half": 2.0, "inhibitors": "complex"}
    alone, among = table(), table(elsewhere=other)
    for judged in (claims.simplicity_bias, claims.no_bias_yet, claims.support, claims.inhibitors):
        assert judged(among) == judged(alone)


def test_a_missing_dictionary_is_an_error():
    nets = table()
    with pytest.raises(ValueError, match="classwise"):
        claims.simplicity_bias(nets[nets["dictionary"] == "joint"])


def test_the_table_has_every_number_of_every_net():
    nets = table(elsewhere={"half": 0.7})
    assert len(nets) == 4 * len(SEEDS)
    assert nets["dictionary"].value_counts().to_dict() == {"joint": 10, "classwise": 10}
    assert isinstance(nets, pd.DataFrame)
    numbers = nets.drop(columns=["data", "width", "dictionary", "seed"])
    assert np.isfinite(numbers.to_numpy(dtype=float)).all()


def test_importance_that_is_only_the_size_of_the_codes_vanishes_given_that_size():
    rng = np.random.default_rng(0)
    net = arrays(rng, importance=(FALLING, FALLING, FALLING))
    size = net["importance"] * np.exp(0.05 * rng.normal(size=(3, K)))
    found = claims.over_epochs(net | {"size": size})
    assert found["partial_last"] < -0.5
    assert abs(found["given_size_last"]) < 0.3


def test_masks_that_have_settled_agree_with_themselves():
    rng = np.random.default_rng(0)
    net, ratio = arrays(rng), rng.uniform(0.9, 1, size=K)
    same = claims.at_the_end(net | {"redundancy_halves": np.stack([ratio, ratio])})
    other = claims.at_the_end(net | {"redundancy_halves": rng.uniform(0.9, 1, size=(2, K))})
    assert same["settled"] == pytest.approx(1)
    assert abs(other["settled"]) < 0.5


def test_the_feature_in_the_middle_is_on_no_side():
    """Of three features the middle one has all the pairs but two."""
    pairs = np.array([[-1.0, 1.0], [-5.0, -5.0], [1.0, -1.0]])
    found = claims.signs(pairs_net(pairs, [0, 1, 2]))
    assert found["inhibitory"] == found["excitatory"] == 0.5
    assert found["inhibitory_mass"] == 0.5


def test_nothing_is_left_where_what_is_held_fixed_says_it_all():
    x = np.arange(10.0)
    assert claims.correlation(x, x**2, np.c_[x**3]) == 0
    assert claims.correlation(x, x**2) == pytest.approx(1)
