"""The statistics of B2 and B3 on made-up tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import component_task_claims as claims
from strata.experiments.component_task_claims import NORMALISED, PLAIN, POOLED, SKIPS
from strata.experiments.component_task_orders import FAMILIES, MAIN, Students
from strata.runs.result import Result

RELUS = (0, 1, 4, 13, 40)
ORDERS = np.array([1, 2, 4, 7])
KINDS = [*(Students(factor, True) for factor in (0.5, 1.0, 2.0)), SKIPS[1]]
PAIRS = [*((MAIN, students) for students in KINDS), *((f, PLAIN) for f in FAMILIES[1:])]
RISING = (0.0, 0.02, 0.06, 0.15, 0.4)
FLAT = (0.1,) * 5


def shares_of(beyond: float, count: int = 4) -> np.ndarray:
    """Shares of `count` orders; the second to fourth sum to `beyond`, a fifth is small."""
    return np.array([0.95 - beyond, *(beyond * np.array([4, 2, 1, 0.35]) / 7)])[:count]


def made(shares=None, noise=None, linear_r2=None, seeds=5, jitter=1e-3, further=1):
    """A table whose shared significance is given.

    Parameters
    ----------
    shares, noise
        From a kind of family, of students and the place of a task to what is shared beyond the
        first order, and to the noise that a chain adds to every order.
    linear_r2
        From a kind of family and the place of a task.
    further
        Orders more of the usual students of the main family.
    """
    shares = shares or (lambda family, students, i: RISING[i])
    noise = noise or (lambda family, students, i: 0.03)
    linear_r2 = linear_r2 or (lambda family, i: 0.9 - 0.2 * i)
    rng = np.random.default_rng(0)
    rows = []
    for family, students in PAIRS:
        more = further if (family, students) == (MAIN, PLAIN) else 0
        count = len(ORDERS) + more
        for seed in range(seeds):
            for i, relus in enumerate(RELUS):
                truth = shares_of(shares(family, students, i), count)
                level = noise(family, students, i)
                rows.append(
                    family._asdict()
                    | students._asdict()
                    | {"seed": seed, "relus": relus, "linear_r2": linear_r2(family, i)}
                    | {
                        "orders": np.array([*ORDERS, 13])[:count],
                        "significance": truth
                        + level * (1 + 0.02 * rng.standard_normal((2, count))),
                        "residual": np.full((2, count), 0.05),
                        "shared": truth + jitter * rng.standard_normal(count),
                        "floor": np.full(count, 2 * level),
                        "shared_whole": truth.cumsum() + jitter * rng.standard_normal(count),
                    }
                )
    return pd.DataFrame(rows)


@pytest.mark.claim("B3")
def test_b3_finds_a_trend_in_relus():
    found = claims.more_relus(made())
    assert [e.value for e in found.values()] == pytest.approx([1, 1])
    assert set(verdicts("B3", found).values()) == {"reproduced"}


@pytest.mark.claim("B3")
def test_b3_refuses_what_the_linear_task_alone_brings():
    """Task 0 is the lowest, and among the others the order is random: .5 on average."""
    rng = np.random.default_rng(1)
    found = claims.more_relus(
        made(lambda family, students, i: 0.1 * rng.uniform() if i else 0.0, seeds=40)
    )
    assert found["plain"].value == pytest.approx(0.5, abs=0.15)
    assert verdicts("B3", found)["plain"] != "reproduced"


@pytest.mark.claim("B3")
def test_b3_sees_no_trend_in_noise_that_grows_with_the_task():
    """Harder tasks make students noisier: their significance grows, what two share does not."""
    table = made(lambda *_: 0.1, lambda family, students, i: 0.02 + 0.02 * i, seeds=40)
    raw = [claims.beyond_first(net.mean(axis=0)) for net in claims.chosen(table)["significance"]]
    assert np.all(np.diff(np.reshape(raw, (40, 5)).mean(axis=0)) > 0)
    found = claims.more_relus(table)
    assert abs(found["plain"].value) < 0.3
    assert verdicts("B3", found)["plain"] == "not reproduced"


@pytest.mark.claim("B3")
def test_b3_asks_the_pooled_tasks_too():
    def shares(family, students, i):
        return RISING[4 - i] if family == POOLED else RISING[i]

    found = verdicts("B3", claims.more_relus(made(shares)))
    assert (found["plain"], found["pooled"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("B3b")
def test_b3b_needs_tasks_that_get_harder_and_a_trend():
    found = claims.harder_tasks(made())
    assert [e.value for e in found.values()] == pytest.approx([1, 1])
    assert set(verdicts("B3b", found).values()) == {"reproduced"}

    def easier(family, i):
        return 0.2 * i if family == NORMALISED else 0.9 - 0.2 * i

    found = verdicts("B3b", claims.harder_tasks(made(linear_r2=easier)))
    assert (found["harder"], found["trend"]) == ("not reproduced", "reproduced")

    def unlearned(family, students, i):
        return (0.0, 0.2, 0.1, 0.05, 0.01)[i] if family == NORMALISED else RISING[i]

    found = verdicts("B3b", claims.harder_tasks(made(unlearned)))
    assert (found["harder"], found["trend"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("B3c")
def test_b3c_compares_the_last_three_orders_of_the_task_with_most_relus():
    table = made()
    # Of the last three orders, 4, 7 and 13, the first is all up to 4.
    truth = shares_of(RISING[-1], 5)
    found = claims.half_of_first(table)
    expected = truth[3:] / truth[:3].sum()
    assert [found["second"].value, found["third"].value] == pytest.approx(expected, abs=2e-3)
    assert set(verdicts("B3c", found).values()) == {"not reproduced"}


@pytest.mark.claim("B3c")
def test_b3c_finds_high_orders_that_hold_more_than_half():
    table = made()
    hardest = table["relus"] == RELUS[-1]
    shares = np.array([0.1, 0.1, 0.2, 0.3, 0.3])
    table = claims.chosen(table[hardest])
    table["shared"] = [shares] * len(table)
    table["shared_whole"] = [shares.cumsum()] * len(table)
    found = claims.half_of_first(table)
    assert [e.value for e in found.values()] == pytest.approx([0.75, 0.75])
    assert set(verdicts("B3c", found).values()) == {"reproduced"}


@pytest.mark.claim("B2")
def test_b2_finds_that_the_students_do_not_matter():
    found = claims.same_distribution(made())
    assert set(verdicts("B2", found).values()) == {"reproduced"}
    assert found["order_widths"].value == pytest.approx(1)
    # Nothing but the margin is left: half of the mean distance of two tasks.
    distances = [abs(a - b) for n, a in enumerate(RISING) for b in RISING[:n]]
    # The noise of 4 orders, .03 each, is in the sums by which shares are divided.
    assert found["widths"].value == pytest.approx(-np.mean(distances) / 2 / 1.07, abs=0.002)


@pytest.mark.claim("B2")
def test_b2_refuses_widths_that_move_significance_as_far_as_the_task_does():
    def shares(family, students, i):
        return RISING[i] + 0.25 * (students.factor - 0.5) / 1.5 * students.skips

    found = verdicts("B2", claims.same_distribution(made(shares)))
    assert found["widths"] == "not reproduced"
    assert found["order_widths"] == "reproduced"


@pytest.mark.claim("B2")
def test_b2_refuses_students_that_put_the_tasks_in_another_order():
    def shares(family, students, i):
        return RISING[i] if students.skips else RISING[(i + 2) % 5]

    found = verdicts("B2", claims.same_distribution(made(shares)))
    assert found["skips"] == found["order_skips"] == "not reproduced"
    assert found["widths"] == found["order_widths"] == "reproduced"


@pytest.mark.claim("B2")
def test_b2_is_not_won_by_noise():
    """All chains hold nothing but noise: there is no distance, and no margin either."""
    rng = np.random.default_rng(2)
    table = made(seeds=40)
    table["significance"] = [rng.uniform(size=row.shape) for row in table["significance"]]
    table["shared"] = [rng.normal(size=row.shape) for row in table["shared"]]
    assert claims.seed_distance(table.iloc[0]) > 0.05
    found = claims.same_distribution(table)
    assert abs(found["widths"].value) < 0.02
    assert set(verdicts("B2", found).values()) <= {"inconclusive", "not reproduced"}
    found = claims.same_shared_distribution(table)
    assert set(verdicts("B2b", found).values()) == {"not reproduced"}


@pytest.mark.claim("B2b")
def test_b2b_sees_through_the_noise_of_narrow_students():
    """Narrow students are noisier, and share the same: significance moves, the signal does not."""
    table = made(noise=lambda family, students, i: 0.12 / students.factor)
    assert verdicts("B2", claims.same_distribution(table))["widths"] == "not reproduced"
    found = claims.same_shared_distribution(table)
    assert set(verdicts("B2b", found).values()) == {"reproduced"}


@pytest.mark.claim("B2b")
def test_b2b_refuses_students_that_share_something_else():
    found = verdicts(
        "B2b",
        claims.same_shared_distribution(
            made(lambda family, students, i: RISING[i] + 0.3 * (not students.skips))
        ),
    )
    assert (found["widths"], found["skips"]) == ("reproduced", "not reproduced")


def test_the_excess_distance_is_zero_on_average_where_the_law_is_the_same():
    rng = np.random.default_rng(3)
    rows = [pd.Series({"significance": rng.dirichlet([5, 1, 1], size=2)}) for _ in range(2000)]
    excess = [claims.excess_distance(a, b) for a, b in zip(rows[::2], rows[1::2], strict=True)]
    seeds = [claims.seed_distance(row) for row in rows]
    error = np.std(excess) / np.sqrt(len(excess))
    assert abs(np.mean(excess)) < 3 * error < 0.02 < 0.1 < np.mean(seeds)
    others = [pd.Series({"significance": rng.dirichlet([1, 1, 5], size=2)}) for _ in range(1000)]
    apart = [claims.excess_distance(a, b) for a, b in zip(rows[::2], others, strict=True)]
    assert np.mean(apart) > 0.2


def test_the_table_has_what_two_chains_say_of_every_task():
    rng = np.random.default_rng(4)
    feature = rng.standard_normal((2, 500, 3)).astype(np.float32)
    half, off = 0.5 * feature, 0.1 * rng.standard_normal((2, 2, 500, 3))
    tasks = [{"relus": n, "linear_r2": r2} for n, r2 in ((0, 1.0), (4, 0.5))]
    family = Result(metrics={"targets": tasks}, arrays={"test": feature})
    # The first order gives half of the feature, the second all of it and noise of its own.
    chains = [
        Result(metrics={"orders": [1, 4]}, arrays={"test": np.stack([half, feature + off[c]])})
        for c in (0, 1)
    ]
    found = claims.table({(MAIN, PLAIN): [(family, *chains)] * 2})
    assert found[["seed", "relus"]].to_numpy().tolist() == [[0, 0], [0, 4], [1, 0], [1, 4]]
    net = claims.chosen(found).iloc[1]
    assert (net["form"], net["learned"], net["factor"], net["skips"]) == ("plain", True, 1, True)
    np.testing.assert_allclose(net["significance"], [[0.25, 0.26]] * 2, atol=0.01)
    np.testing.assert_allclose(net["residual"], [[0.25, 0.01]] * 2, atol=0.002)
    np.testing.assert_allclose(net["shared"], [0.25, 0.25], atol=0.01)
    np.testing.assert_allclose(net["shared_whole"], [0.25, 1.0], atol=0.02)
    np.testing.assert_allclose(net["floor"], [0, 0.02], atol=0.002)


def test_a_kind_that_is_not_in_the_sweep_is_named():
    with pytest.raises(ValueError, match="factor=3"):
        claims.chosen(made(), students=Students(3, skips=True))


def test_only_orders_of_all_chains_are_compared():
    few, more = (claims.same_distribution(made(further=n)) for n in (0, 1))
    assert few["widths"].value == pytest.approx(more["widths"].value, abs=0.002)
    table = made()
    assert {len(net) for net in claims.common(table)["shared"]} == {4}
    assert {len(net) for net in table["shared"]} == {4, 5}
