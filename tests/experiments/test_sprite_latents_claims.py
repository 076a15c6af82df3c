"""The statistics of C14d to C14m on made-up tables, on which each holds and on which it fails."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import sprite_latents_claims as claims
from strata.experiments.sprite_layers import GROUPS, TARGETS
from strata.runs.result import Result
from strata.seeding import numpy_generator

SEEDS, DEPTHS = range(6), (2, 4, 6)
Shape = Callable[[int], object]


def rising(depth: int) -> np.ndarray:
    """From the input, over the first map, to the logits."""
    return np.linspace(0.05, 0.8, depth + 2)


def hill(depth: int) -> np.ndarray:
    """Highest at map 1 of L."""
    return np.interp(np.arange(depth + 2), [0, 2, depth + 1], [0.1, 0.9, 0.2])


def ranks(depth: int) -> np.ndarray:
    """10 at the input, a peak at map 1, one at the logits."""
    return np.interp(np.arange(depth + 2), [0, 1, 2, depth + 1], [10.0, 3.0, 5.0, 1.0])


def alike(core: np.ndarray, label: np.ndarray, other: float) -> np.ndarray:
    by_name = {"core": core, "label": label}
    return np.array([by_name.get(name, np.full(len(core), other)) for name in GROUPS])


def nets(**changes: Shape) -> pd.DataFrame:
    """Six seeds with small noise around a function of depth for every measured column."""
    shapes: dict[str, Shape] = {
        "gap": lambda d: 0.03 + 0.01 * d,
        "few_gap": lambda d: 0.1 + 0.01 * d,
        "control_gap": lambda d: 0.0,
        "few_control_gap": lambda d: 0.0,
        "rbf_flat": lambda d: alike(rising(d), rising(d) + 0.1, 0.02),
        "read_flat": lambda d: np.full((len(TARGETS), d + 2), 0.7),
        "rank_flat": ranks,
        "ntk": lambda d: np.linspace(30, 2, d + 1),
        "ntk_init": lambda d: np.full(d + 1, 9.0),
    } | changes
    shapes = {"debiased_flat": shapes["rbf_flat"]} | shapes
    rng = numpy_generator("made-up")

    def noisy(value: object) -> object:
        value = np.asarray(value, dtype=float)
        value = value + 0.001 * rng.normal(size=value.shape)
        return value if value.ndim else float(value)

    rows = []
    for arch in claims.ARCHS:
        for seed in SEEDS:
            for depth in DEPTHS:
                row = {"arch": arch, "depth": depth, "seed": seed, "shortcut": True, "few": False}
                measured = {n: noisy(f(depth)) for n, f in shapes.items() if not n.endswith("_gap")}
                few = {"few": True, "gap": noisy(shapes["few_gap"](depth))}
                rows += [row | measured, row | few]
            for few, name in ((False, "control_gap"), (True, "few_control_gap")):
                gap = noisy(shapes[name](DEPTHS[-1]))
                rows.append(row | {"shortcut": False, "few": few, "gap": gap})
    return pd.DataFrame(rows)


def test_the_table_tells_the_three_kinds_of_nets_apart():
    points = [
        SimpleNamespace(arch="mlp", depth=2, seed=0, agreement=a, training_images=n)
        for a, n in ((0.9, 100), (0.5, 100), (0.9, 10))
    ]
    metrics = {"id": 0.9, "ood": 0.7}
    results = [Result(metrics=metrics, arrays={"ntk": np.ones(3)}), *[Result(metrics=metrics)] * 2]
    table = claims.table(points, results)
    assert table["gap"].tolist() == pytest.approx([0.2] * 3)
    assert len(claims.nets_of(table, "mlp")) == len(claims.nets_of(table, "mlp", few=True)) == 1
    assert claims.nets_of(table, "mlp")["ntk"].iloc[0].tolist() == [1, 1, 1]


@pytest.mark.claim("C14d")
def test_c14d_wants_a_cost_that_the_correlation_made():
    found = claims.shortcut_cost(nets())
    assert found["mlp"].value == pytest.approx(0.07, abs=1e-3)
    assert found["conv_control"].value == pytest.approx(0.09, abs=2e-3)
    assert set(verdicts("C14d", found).values()) == {"reproduced"}
    none = verdicts("C14d", claims.shortcut_cost(nets(gap=lambda d: 0.0)))
    assert none["mlp"] == none["conv"] == "not reproduced"
    # A set that is harder for all nets is no cost of the shortcut.
    harder = verdicts("C14d", claims.shortcut_cost(nets(control_gap=lambda d: 0.2)))
    assert (harder["mlp"], harder["mlp_control"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("C14e")
def test_c14e_compares_the_ends_of_depth():
    found = claims.cost_with_depth(nets())
    assert found["mlp"].value == pytest.approx(0.04, abs=2e-3)
    assert set(verdicts("C14e", found).values()) == {"reproduced"}
    less = nets(gap=lambda d: 0.1 - 0.01 * d, few_gap=lambda d: 0.3 - 0.01 * d)
    assert set(verdicts("C14e", claims.cost_with_depth(less)).values()) == {"not reproduced"}


@pytest.mark.claim("C14k")
def test_c14k_wants_more_cost_with_few_images():
    found = claims.cost_with_few(nets())
    assert found["mlp_more"].value == pytest.approx(0.07, abs=2e-3)
    assert set(verdicts("C14k", found).values()) == {"reproduced"}
    assert found["conv_control"].value == pytest.approx(0.16, abs=2e-3)
    same = verdicts("C14k", claims.cost_with_few(nets(few_gap=lambda d: 0.0)))
    assert same["all"] == same["mlp"] == same["conv_more"] == "not reproduced"
    # Few images may be hard without any shortcut.
    harder = verdicts("C14k", claims.cost_with_few(nets(few_control_gap=lambda d: 0.3)))
    assert (harder["mlp"], harder["mlp_control"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("C14f")
def test_c14f_wants_an_inner_map_above_both_ends():
    found = claims.inner_peak(nets(rbf_flat=lambda d: alike(hill(d), rising(d), 0.02)))
    # Map 1 has .9; the better end is map 0 with .5.
    assert found["mlp"].value == pytest.approx(0.4, abs=5e-3)
    assert set(verdicts("C14f", found).values()) == {"reproduced"}
    found = claims.inner_peak(nets())
    steps = [0.75 / (d + 1) for d in (4, 6)]
    assert found["conv"].value == pytest.approx(-np.mean(steps), abs=5e-3)
    assert set(verdicts("C14f", found).values()) == {"not reproduced"}


def test_an_inner_peak_is_not_made_by_noise():
    """Flat curves with much noise: the largest inner value of a net is above its ends, ours not."""
    rng = numpy_generator("noise")
    flat = nets(rbf_flat=lambda d: alike(0.5 + 0.1 * rng.normal(size=d + 2), rising(d), 0.02))
    found = claims.inner_peak(flat)
    assert all(part.low < 0 for part in found.values())
    naive = [
        claims.similarity(net, "core")[1:-1].max() - claims.similarity(net, "core")[[0, -1]].max()
        for _, net in claims.deep(claims.nets_of(flat, "mlp")).iterrows()
    ]
    assert np.mean(naive) > max(part.value for part in found.values())


@pytest.mark.claim("C14g")
def test_c14g_wants_the_peaks_at_one_place():
    together = nets(rbf_flat=lambda d: alike(hill(d), rising(d), 0.02))
    found = claims.peaks_together(together)
    assert found["mlp"].value == 0
    # From map 1 to an even draw of -1 ... 4, and of -1 ... 6.
    assert found["mlp_chance"].value == pytest.approx(-np.mean([9 / 6, 18 / 8]))
    assert found["mlp_rank"].value == pytest.approx(5 / 3, rel=0.01)
    assert set(verdicts("C14g", found).values()) == {"reproduced"}
    # A rank that only falls has no peak that could be anywhere.
    flat = nets(rank_flat=lambda d: np.linspace(10, 1, d + 2))
    assert verdicts("C14g", claims.peaks_together(flat))["conv_rank"] == "not reproduced"
    # Rank at map 1, CKA at the logits: 3 and 5 maps apart.
    apart = claims.peaks_together(nets())
    assert apart["conv"].value == 4
    judged = verdicts("C14g", apart)
    assert {judged.pop(name) for name in ("mlp_rank", "conv_rank")} == {"reproduced"}
    assert set(judged.values()) == {"not reproduced"}


def test_distances_of_peaks_do_not_cancel():
    """Half of the seeds one too early, half one too late: one map apart on average."""
    table = nets()
    early = table["seed"] % 2 == 0

    def curve(depth: int, top: int) -> np.ndarray:
        core = np.zeros(depth + 2)
        core[1 + top] = 1
        return alike(core, core, 0)

    table["rbf_flat"] = table["debiased_flat"] = [
        curve(d, 0 if e else 2) for d, e in zip(table["depth"], early, strict=True)
    ]
    assert claims.peaks_together(table)["mlp"].value == 1


def test_the_input_counts_for_the_similarity_and_not_for_the_rank():
    net = pd.Series({"rank_flat": np.array([20.0, 5.0, 6.0, 1.0]), claims.CKA: np.zeros((5, 4))})
    net[claims.CKA][GROUPS.index("core")] = [0.9, 0.1, 0.2, 0.3]
    assert (claims.rank_peak(net), claims.core_peak(net)) == (1, -1)


def test_peaks_that_only_one_kernel_brings_together_are_apart():
    together = nets(rbf_flat=lambda d: alike(hill(d), rising(d), 0.02))
    either = nets(
        rbf_flat=lambda d: alike(hill(d), rising(d), 0.02),
        debiased_flat=lambda d: alike(rising(d), rising(d), 0.02),
    )
    assert claims.peaks_together(together)["mlp"].value == 0
    assert claims.peaks_together(either)["mlp"].value == 4


def test_habit_is_the_distance_to_other_seeds():
    """CKA peaks at map 0 in even seeds and at 2 in odd ones, the rank with it: 0 within a net."""
    table = nets()

    def at(depth: int, top: int) -> np.ndarray:
        return 1 + np.eye(depth + 2)[1 + top]

    tops = np.where(table["seed"] % 2 == 0, 0, 2)
    placed = [at(d, t) for d, t in zip(table["depth"], tops, strict=True)]
    table["rank_flat"] = placed
    table["rbf_flat"] = table["debiased_flat"] = [alike(p, p, 0) for p in placed]
    assert claims.peaks_together(table)["mlp"].value == 0
    # Of the five other seeds three have the other place, two maps away.
    chosen = claims.deep(claims.nets_of(table, "mlp"))
    assert claims.habit(chosen).tolist() == pytest.approx([6 / 5] * 6)


@pytest.mark.claim("C14h")
def test_c14h_tells_unlike_from_absent():
    def gone(depth: int) -> np.ndarray:
        return np.tile(np.where(np.arange(depth + 2) < 2, 0.9, 0.0), (len(TARGETS), 1))

    absent = claims.held_though_unlike(nets(read_flat=gone))
    assert absent["mlp_first"].value == pytest.approx(0.9, abs=1e-3)
    assert set(verdicts("C14h", absent).values()) == {"reproduced"}
    held = claims.held_though_unlike(nets())
    assert held["mlp_read"].value == pytest.approx(0.7, abs=1e-3)
    judged = verdicts("C14h", held)
    assert (judged["mlp_cka"], judged["mlp_read"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("C14h")
def test_one_group_that_is_held_is_enough_against_c14h():
    read = np.zeros((len(TARGETS), 12))
    read[[TARGETS.index(name) for name in ("x", "y")]] = 0.15
    found = claims.held_though_unlike(nets(read_flat=lambda d: read[:, : d + 2]))
    assert found["conv_read"].value == pytest.approx(0.15, abs=1e-3)
    assert verdicts("C14h", found)["conv_read"] == "not reproduced"


def test_read_outs_that_mislead_count_as_nothing():
    read = np.zeros((len(TARGETS), 4))
    read[TARGETS.index("label")] = 1
    read[TARGETS.index("x")] = -5
    net = pd.Series({"read_flat": read})
    assert claims.readable(net, ("x", "y")).tolist() == [0, 0, 0]
    assert claims.readable(net, ("x", "label")).tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("judged", [claims.inner_peak, claims.core_rises, claims.label_is_nearer])
def test_what_only_one_kernel_shows_is_not_counted(judged: Callable):
    """Curves that hold with the study's kernel, and fall with the debiased one."""
    good = lambda d: alike(np.maximum(hill(d), rising(d)), rising(d) + 0.3, 0.02)  # noqa: E731
    bad = lambda d: alike(0.9 - rising(d), 0.5 - rising(d), 0.02)  # noqa: E731
    both, one = judged(nets(rbf_flat=good)), judged(nets(rbf_flat=good, debiased_flat=bad))
    for arch in claims.ARCHS:
        assert one[arch].value < min(0, both[arch].value)


@pytest.mark.claim("C14i")
def test_c14i_wants_a_rise_to_the_logits():
    found = claims.core_rises(nets())
    rise = np.mean([0.75 * d / (d + 1) for d in DEPTHS])
    assert found["mlp"].value == pytest.approx(rise, abs=2e-3)
    assert set(verdicts("C14i", found).values()) == {"reproduced"}
    falls = nets(rbf_flat=lambda d: alike(rising(d)[::-1], rising(d), 0.02))
    judged = verdicts("C14i", claims.core_rises(falls))
    assert set(judged.values()) == {"not reproduced"}


@pytest.mark.claim("C14l")
def test_c14l_wants_the_label_nearer_than_the_core():
    found = claims.label_is_nearer(nets())
    assert found["mlp"].value == pytest.approx(0.1, abs=2e-3)
    assert set(verdicts("C14l", found).values()) == {"reproduced"}
    core = nets(rbf_flat=lambda d: alike(rising(d), rising(d) - 0.1, 0.02))
    judged = verdicts("C14l", claims.label_is_nearer(core))
    assert set(judged.values()) == {"not reproduced"}


@pytest.mark.claim("C14j")
def test_c14j_wants_falling_kernel_ranks():
    found = claims.kernel_falls(nets())
    assert found["mlp"].value == pytest.approx(-1)
    assert set(verdicts("C14j", found).values()) == {"reproduced"}
    valley = nets(ntk=lambda d: np.abs(np.arange(d + 1) - d / 2) * 5 + 1)
    assert set(verdicts("C14j", claims.kernel_falls(valley)).values()) == {"not reproduced"}


@pytest.mark.claim("C14m")
def test_c14m_wants_a_fall_that_training_made():
    found = claims.training_lets_it_fall(nets(ntk_init=lambda d: np.linspace(2, 30, d + 1)))
    assert found["mlp"].value == pytest.approx(-2)
    assert set(verdicts("C14m", found).values()) == {"reproduced"}
    same = claims.training_lets_it_fall(nets(ntk_init=lambda d: np.linspace(50, 2, d + 1)))
    assert set(verdicts("C14m", same).values()) == {"not reproduced"}
