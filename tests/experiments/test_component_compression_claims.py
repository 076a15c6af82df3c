"""The statistics of B12 to B15 on made-up nets whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from judging import verdicts

from strata.experiments import component_compression_claims as claims
from strata.experiments.component_compression import CURVES
from strata.experiments.component_variants import VARIANTS
from strata.runs.result import Result

SEEDS, DEPTHS, SAMPLES = range(5), (4, 16), (50, 150, 450, 1200)
ORDERS = 5
MAIN = (16, 450)


def curves(rng, *, tilt=0.0, reliability=0.5, fade=0.1, worth=1.0, test=0.6, high=0.2):
    """Of a net: shares of the orders tilted to low ones, reliability falling by order, worth.

    ``test`` is the part of what low orders save that is saved on test samples too; high orders save
    ``high`` nats more on own samples than on test samples.
    """
    shares = np.array([0.5, 0.2, 0.1, 0.1, 0.1]) + tilt * np.array([0.5, 0.5, 0, -0.5, -0.5])
    noise = 0.002 * rng.normal(size=(3, ORDERS))
    train = worth * np.array([2.0, 1.0, 0.5, 0.3, 0.2])
    held = test * train
    held[-2:] = train[-2:] - high / 2
    found = {
        "shared": shares + noise[0],
        "significance": shares + 0.02,
        "reliability": reliability - fade * np.arange(ORDERS) / 4 + noise[1],
        "direct": np.full(ORDERS, 0.9),
        "reliable": shares * reliability,
        "unreliable": shares * (1 - reliability),
        "floor": np.full(ORDERS, 0.04),
        "continued": np.full(ORDERS, 0.03),
    }
    for kind in ("", "_centred"):
        found |= {
            f"effectiveness{kind}": train / np.sqrt(shares) + noise[2],
            f"phi_train{kind}": train,
            f"phi_test{kind}": held,
        }
    assert set(found) == set(CURVES)
    return found


ALIKE = {"tilt": 0.0, "reliability": 0.5}
TRAITS = {
    "retrained": ALIKE,
    "compressed": ALIKE | {"worth": 0.8, "test": 0.5},
    "distilled": {"tilt": 0.05, "reliability": 0.6, "worth": 1.2, "high": 0.05},
    "distilled deep": ALIKE,
}


def net(variant, depth, samples, accuracy, measured):
    target = {"variant": variant, "depth": depth, "samples": samples, "rate": 1.0}
    return target | {"test_accuracy": accuracy / 100, "test_loss": 5 - accuracy / 20}, measured


def family(rng, of_samples, noise, own, change, variants):
    """The nets of a seed with their curves; see `nets`."""
    found, before = [], {}
    for depth in DEPTHS:
        for place, n in enumerate(SAMPLES):
            moved, extra = of_samples * (place - 2) / 3, noise * rng.normal()
            before[depth, n] = 10 * np.log2(n) - 40 + extra
            reliability = 0.5 + moved + 0.01 * own * extra
            measured = curves(rng, tilt=-moved, reliability=reliability)
            found.append(net("original", depth, n, before[depth, n], measured))
    others = [("compressed", (16, n)) for n in SAMPLES if n != MAIN[1]]
    for name, place in [*((name, MAIN) for name in VARIANTS), *others]:
        accuracy = before[place] + (change(rng) if change else 0)
        found.append(net(name, *place, accuracy, curves(rng, **variants[name])))
    return found


def nets(*, of_samples=0.1, noise=0.0, own=1.0, change=None, **traits):
    """Five seeds of a family and its variants.

    Accuracy is 10 times log2 n and some noise. Reliability rises by ``of_samples`` from the fewest
    to the most samples, tilt falls as much. ``own`` is what reliability tells of the noise.
    ``change`` is what compression and distillation do to the accuracy, in points.
    """
    variants = {name: TRAITS[name] | traits.get(name.replace(" ", "_"), {}) for name in VARIANTS}
    points, results = [], []
    for seed in SEEDS:
        made = family(np.random.default_rng(seed), of_samples, noise, own, change, variants)
        targets, rows = zip(*made, strict=True)
        arrays = {name: np.stack([row[name] for row in rows]) for name in CURVES}
        place = SimpleNamespace(data=SimpleNamespace(name="a"), seed=seed)
        points.append(
            SimpleNamespace(
                reliability=SimpleNamespace(targets=place),
                variants=SimpleNamespace(depth=MAIN[0], samples=MAIN[1]),
            )
        )
        results.append(Result(metrics={"targets": list(targets)}, arrays=arrays))
    return claims.table(points, results)


def originals(**changes):
    table = claims.regression_table(nets(**changes))
    return table[table["variant"] == "original"]


def test_the_table_has_a_row_for_each_net_and_knows_the_main_one():
    table = nets()
    assert len(table) == 5 * (2 * 4 + 4 + 3)
    main = table[table["main"]]
    assert set(main["variant"]) == {"original", *VARIANTS}
    assert len(main) == 5 * 5
    assert set(main["samples"]) == {450}


def test_the_numbers_of_a_net_are_what_they_are_said_to_be():
    one = nets().iloc[2]
    found = claims.numbers(one)
    assert found["low_significance"] == pytest.approx(one["shared"][:2].sum())
    assert found["low_share"] == pytest.approx(one["shared"][:2].sum() / one["shared"].sum())
    assert found["low_effectiveness"] == pytest.approx(one["effectiveness"][:2].mean())
    assert found["low_overfitting"] == pytest.approx(0.4)
    assert found["low_worth"] == pytest.approx(3 / 4)
    assert found["high_overfitting"] == pytest.approx(0.2)
    assert found["high_reliability"] == pytest.approx(one["reliability"][3:].mean())
    assert found["high_direct"] == pytest.approx(0.9)


@pytest.mark.claim("B12")
def test_b12_finds_what_stays_and_what_changes():
    found = claims.compression(nets())
    assert found["overfitting"].value == pytest.approx(0.1)
    assert found["effectiveness"].value < -0.3
    assert set(verdicts("B12", found).values()) == {"reproduced"}


@pytest.mark.claim("B12")
def test_b12_refuses_a_change_as_large_as_that_of_the_samples():
    found = verdicts("B12", claims.compression(nets(compressed={"tilt": 0.15})))
    assert (found["significance"], found["reliability"]) == ("not reproduced", "reproduced")
    found = verdicts("B12", claims.compression(nets(compressed={"reliability": 0.7})))
    assert (found["significance"], found["reliability"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("B12")
def test_b12_does_not_take_noise_for_no_change():
    """Samples do nothing and compression does nothing: the noise of both decides nothing for it."""
    found = verdicts("B12", claims.compression(nets(of_samples=0.0)))
    assert "reproduced" not in (found["significance"], found["reliability"])


@pytest.mark.claim("B12")
def test_b12_does_not_let_changes_of_two_signs_cancel():
    """Reliability up in some seeds and down in others is a change in each of them."""
    table = nets()
    swung = []
    for _, one in table.iterrows():
        sign = (-1) ** one["seed"] if one["variant"] == "compressed" else 0
        swung.append(one["reliability"] + 0.2 * sign)
    found = verdicts("B12", claims.compression(table.assign(reliability=swung)))
    assert found["reliability"] == "not reproduced"


@pytest.mark.claim("B12")
def test_b12_refuses_the_other_directions():
    better = nets(compressed={"worth": 1.3, "test": 0.8})
    found = verdicts("B12", claims.compression(better))
    assert found["effectiveness"] == found["overfitting"] == "not reproduced"


@pytest.mark.claim("B12b")
def test_b12b_sees_through_the_further_training():
    assert set(verdicts("B12b", claims.compression_alone(nets())).values()) == {"reproduced"}
    as_trained_on = {"worth": 0.7, "test": 0.4}
    found = verdicts("B12b", claims.compression_alone(nets(retrained=as_trained_on)))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("B13")
def test_b13_finds_a_student_simpler_and_better():
    found = claims.distillation(nets())
    assert found["significance"].value == pytest.approx(0.05, abs=0.01)
    assert found["reliability"].value == pytest.approx(0.1, abs=0.01)
    assert found["overfitting"].value == pytest.approx(-0.15)
    assert set(verdicts("B13", found).values()) == {"reproduced"}


@pytest.mark.claim("B13")
@pytest.mark.parametrize(
    ("part", "trait"),
    [
        ("significance", {"tilt": -0.05}),
        ("effectiveness", {"worth": 0.8}),
        ("reliability", {"reliability": 0.4}),
        ("overfitting", {"high": 0.3}),
    ],
)
def test_b13_refuses_each_part_by_itself(part, trait):
    found = verdicts("B13", claims.distillation(nets(distilled=trait)))
    assert found[part] == found["all"] == "not reproduced"
    # A tilt of the shares moves the effectiveness too, which divides by them.
    others = set(found) - {part, "all"} - ({"effectiveness"} if part == "significance" else set())
    assert {found[name] for name in others} == {"reproduced"}


@pytest.mark.claim("B13b")
def test_b13b_tells_distillation_from_the_order_of_the_student():
    found = verdicts("B13b", claims.distillation(nets(), "distilled deep"))
    assert "reproduced" not in found.values()
    deep = TRAITS["distilled"]
    found = claims.distillation(nets(distilled_deep=deep), "distilled deep")
    assert set(verdicts("B13b", found).values()) == {"reproduced"}


@pytest.mark.claim("B14")
def test_b14_wants_less_error_than_a_constant_also_for_new_numbers_of_samples():
    found = claims.predicted(originals())
    assert found["accuracy"].value < -5
    assert found["accuracy"].n == 5
    assert set(verdicts("B14", found).values()) == {"reproduced"}
    unrelated = originals(of_samples=0.0)
    assert "reproduced" not in verdicts("B14", claims.predicted(unrelated)).values()


@pytest.mark.claim("B14b")
def test_b14b_holds_where_only_components_know_what_samples_do_not():
    known = claims.predicted_beyond_size(originals(of_samples=0.0, noise=8.0, own=4.0))
    assert verdicts("B14b", known)["accuracy"] == "not reproduced", "n is needed as well"
    table = originals(noise=4.0, own=4.0)
    for name in table.columns:
        if name.startswith(("reliable_", "unreliable_")):
            table[name] = np.random.default_rng(0).normal(size=len(table))
    table["reliable_0"] = table["accuracy"] / 100
    found = verdicts("B14b", claims.predicted_beyond_size(table))
    assert set(found.values()) == {"reproduced"}


@pytest.mark.claim("B14b")
def test_b14b_refuses_components_that_only_repeat_the_number_of_samples():
    found = verdicts("B14b", claims.predicted_beyond_size(originals()))
    assert "reproduced" not in found.values()
    assert found["accuracy"] == "not reproduced"


@pytest.mark.claim("B14c")
def test_b14c_wants_something_beside_the_samples():
    table = originals(noise=4.0)
    rng = np.random.default_rng(0)
    for name in table.columns:
        if name.startswith(("reliable_", "unreliable_")):
            table[name] = rng.normal(size=len(table))
    refused = verdicts("B14c", claims.added_to_size(table))
    assert "reproduced" not in refused.values(), "chance adds error"
    table["reliable_0"] = table["accuracy"] - 10 * np.log2(table["samples"])
    assert set(verdicts("B14c", claims.added_to_size(table)).values()) == {"reproduced"}


def test_predictions_leave_the_seed_out_and_the_samples_where_asked():
    table = originals(noise=2.0)
    plain = claims.prediction_errors(table, "accuracy", new_samples=False)
    new = claims.prediction_errors(table, "accuracy", new_samples=True)
    assert list(plain.index) == list(new.index) == list(SEEDS)
    own = table[table["seed"] == 3]
    others = table[table["seed"] != 3]
    expected = (own["accuracy"] - others["accuracy"].mean()).abs().mean()
    assert plain.loc[3, "constant"] == pytest.approx(expected)
    by_samples = [
        abs(one["accuracy"] - others.loc[others["samples"] != one["samples"], "accuracy"].mean())
        for _, one in own.iterrows()
    ]
    assert new.loc[3, "constant"] == pytest.approx(np.mean(by_samples))


@pytest.mark.claim("B15")
def test_b15_asks_whether_the_regressor_knows_what_compression_did():
    """Compressed nets are alike in their components here, whatever their number of samples."""
    found = claims.transferred(claims.regression_table(nets(change=lambda rng: rng.normal())))
    assert found["unchanged"].value > 3
    assert set(verdicts("B15", found).values()) == {"not reproduced"}


@pytest.mark.claim("B15")
def test_b15_holds_where_components_follow_the_accuracy():
    table = claims.regression_table(nets(noise=3.0, change=lambda rng: 6 * rng.normal()))
    for name in table.columns:
        if name.startswith(("reliable_", "unreliable_")):
            table[name] = np.random.default_rng(0).normal(size=len(table))
    table["reliable_0"] = table["accuracy"] / 100
    found = claims.transferred(table)
    assert set(verdicts("B15", found).values()) == {"reproduced"}


@pytest.mark.parametrize("own_seed", [False, True])
def test_the_errors_of_the_transfer_are_those_of_each_compressed_net(own_seed):
    table = claims.regression_table(nets(change=lambda rng: -7.0))
    found = claims.transfer_errors(table, own_seed=own_seed)
    assert len(found) == 5 * len(SAMPLES)
    assert (found["after"] - found["before"]).to_numpy() == pytest.approx(-7)
    assert found["size"].to_numpy() == pytest.approx(found["before"].to_numpy())


def test_the_transfer_knows_trained_nets_of_the_own_seed_only_where_asked():
    table = claims.regression_table(nets(noise=1.0))
    strange = (table["seed"] == 2) & (table["variant"] == "original")
    changed = table.assign(accuracy=table["accuracy"] + 50 * strange)
    own = changed["seed"] == 2
    plain, moved = (claims.transfer_errors(each)["size"] for each in (table, changed))
    place = claims.transfer_errors(table)["seed"] == 2
    assert moved[place].to_numpy() == pytest.approx(plain[place].to_numpy())
    assert (moved[~place] > plain[~place] + 5).all()
    inside = claims.transfer_errors(changed, own_seed=True)["size"]
    assert own.any()
    assert (inside[place] > plain[place] + 5).all()


def test_pairs_that_are_not_there_are_refused():
    table = nets()
    lacking = table[~((table["variant"] == "compressed") & (table["seed"] == 2))]
    with pytest.raises(ValueError, match="same seeds"):
        claims.contrasts(lacking, "compressed")
    twice = table.assign(seed=table["seed"].replace(2, 1))
    with pytest.raises(ValueError, match="two nets"):
        claims.contrasts(twice, "compressed")
