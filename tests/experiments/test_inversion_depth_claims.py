"""The statistics of D1 to D3 on made-up reconstructions whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import inversion_depth_claims as claims
from strata.experiments import inversion_depth_tables as tables
from strata.experiments.inversion_depth import METHODS, PAIRS
from strata.nets.stages import STAGES
from strata.runs.result import Result

IMAGES, PHOTOGRAPHS, SEEDS = 6, 2, 3
NOISE, START = 3.0, 19.5
"""Distance of the noisy copy in the input, and of the start."""
RISING = np.array([0.1, 5.0, 6.0, 8.0, 12.0, 15.0])
FLAT = np.array([0.1, 8.0, 6.0, 8.0, 7.5, 8.5])
STEPS = np.array([0, 10, 100, 500])


def net(
    rng: np.random.Generator,
    *,
    inputs: np.ndarray = RISING,
    final: float = 0.1,
    early_path: float = 1.0,
    nearest: float = 2.5,
    edges: tuple[float, float] = (0.5, 0.1),
    ends: float = 12.0,
    ends_embedding: float = 0.1,
    late_falls: tuple[float, float] = (1.0, 0.5),
    spread: float = 0.02,
) -> dict[str, np.ndarray]:
    """A net whose embeddings come down to `final` of the noisy copy's distance, which is 2.

    ``early_path`` scales the distance of inputs before the end of the search; the larger budget
    multiplies distances of inputs and embeddings by ``late_falls``.
    """
    n, stages = IMAGES + PHOTOGRAPHS, len(STAGES)
    noise = 1 + spread * rng.normal(size=(len(METHODS), stages, n))
    far = inputs[:, None] * noise
    along = np.stack([np.full_like(far, START), far * early_path, far, far], axis=-1)
    near = 2.0 * final * noise
    embedding = np.stack([10 * noise, np.full_like(near, 2.0), near, near], axis=-1)
    detail = np.linspace(*edges, stages - 1)
    one = np.ones((stages, n))
    return {
        "steps": STEPS,
        "inputs": along,
        "embedding": embedding,
        "reference": 2.0 * one,
        "reference_input": np.full(n, NOISE),
        "nearest": 2.0 * nearest * one,
        "gray_input": np.full(n, 13.0),
        "hpcorr": np.concatenate([[0.9], detail])[:, None] * noise,
        "pearson": np.ones_like(noise),
        "mem": np.ones_like(noise),
        "ends_embedding": 2.0 * np.array([0.0, ends_embedding])[:, None, None] * np.ones((2, 4, n)),
        "ends_inputs": np.array([0.1, 15.0])[:, None, None] * np.ones((2, 4, n)),
        "ends_apart": np.array([0.1, ends])[:, None, None] * np.ones((2, len(PAIRS), n)),
        "ends_mem": np.ones((2, 4, n)),
        "begun_inputs": np.full((4, n), START),
        "begun_apart": np.full((len(PAIRS), n), 14.0),
        "budget_inputs": far[1][[3, 5], :, None] * late_falls[0] * np.ones(3),
        "budget_embedding": near[1][[3, 5], :, None] * late_falls[1] * np.ones(3),
    }


def place(kind: str, seed: int) -> SimpleNamespace:
    return SimpleNamespace(
        net=SimpleNamespace(kind=kind, seed=seed, images=IMAGES),
        methods=METHODS,
        stages=STAGES,
        start_stages=("conv1", "c5"),
        budget_stages=("c3", "c5"),
    )


def made(**by_kind: dict) -> tuple[list, list[Result]]:
    points, results = [], []
    for k, kind in enumerate(("untrained", "calibrated", "natural", "equal")):
        for seed in range(SEEDS):
            points.append(place(kind, seed))
            traits = by_kind.get("every", {}) | by_kind.get(kind, {})
            results.append(Result(arrays=net(np.random.default_rng([k, seed]), **traits)))
    return points, results


def images(**by_kind: dict) -> pd.DataFrame:
    return tables.by_image(*made(**by_kind))


def starts(**by_kind: dict) -> pd.DataFrame:
    return tables.by_start(*made(**by_kind))


def budgets(**by_kind: dict) -> pd.DataFrame:
    return tables.by_budget(*made(**by_kind))


def test_a_table_has_a_row_for_each_image_stage_and_method():
    found = images()
    assert len(found) == 4 * SEEDS * len(METHODS) * len(STAGES) * (IMAGES + PHOTOGRAPHS)
    assert found["judged"].mean() == pytest.approx(IMAGES / (IMAGES + PHOTOGRAPHS))
    row = found[(found["stage"] == "c5") & (found["method"] == "adam")].iloc[0]
    assert row["to_reference"] == pytest.approx(row["embedding"] / 2)
    assert row["to_nearest"] == pytest.approx(row["embedding"] / 5)
    assert row["reference_to_nearest"] == pytest.approx(0.4)
    assert row["start"] == START
    assert row["inverted"]


def test_photographs_are_shown_and_not_judged():
    points, results = made()
    for result in results:
        result.arrays["inputs"][:, :, IMAGES:] = 1e3
    found = claims.by_stage(tables.by_image(points, results), "untrained", "adam")
    assert found.shape == (SEEDS, len(STAGES))
    assert found.max() < 20


def test_a_path_is_read_where_all_stages_are_equally_near():
    ratios = np.array([[[4.0, 2.0, 0.5, 0.1]], [[8.0, 3.0, 1.0, 0.9]]])
    inputs = np.array([[[9.0, 7.0, 4.0, 1.0]], [[9.0, 8.0, 7.0, 6.0]]])
    wanted = [[7 - 3 * (2 - 1) / 1.5], [7.0]]
    found, checks = tables.at_equal_ratio(ratios, inputs, 1.0)
    np.testing.assert_allclose(found, wanted)
    np.testing.assert_array_equal(checks, [[2], [2]])
    # The second stage stays above a half: both are read at nine tenths, its own last.
    wanted = [[7 - 3 * (2 - 0.9) / 1.5], [6.0]]
    found, checks = tables.at_equal_ratio(ratios, inputs, 0.5)
    np.testing.assert_allclose(found, wanted)
    np.testing.assert_array_equal(checks, [[2], [3]])
    # Where the start is near enough, the start is what is read.
    found, checks = tables.at_equal_ratio(ratios, inputs, 10.0)
    np.testing.assert_allclose(found, [[9.0], [9.0]])
    np.testing.assert_array_equal(checks, 0)


def test_images_are_read_each_at_its_own_level():
    rng = np.random.default_rng(0)
    ratios = np.sort(rng.random((4, 5, 7)), axis=2)[..., ::-1] * 3
    inputs = rng.random((4, 5, 7))
    together, checks = tables.at_equal_ratio(ratios, inputs, 0.3)
    for i in range(5):
        alone, check = tables.at_equal_ratio(ratios[:, [i]], inputs[:, [i]], 0.3)
        np.testing.assert_array_equal(together[:, [i]], alone)
        np.testing.assert_array_equal(checks[:, [i]], check)
    with pytest.raises(ValueError, match="alike"):
        tables.at_equal_ratio(ratios, inputs[:2], 0.3)
    with pytest.raises(ValueError, match="finite"):
        tables.at_equal_ratio(ratios * np.nan, inputs, 0.3)


def test_a_net_or_an_image_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'noise'"):
        claims.less_accurate(images(), "noise")
    found = images()
    for lost in (found.index[3], found.index[found["stage"] == "c5"][0]):
        with pytest.raises(ValueError, match="image lacks"):
            claims.less_accurate(found.drop(lost), "untrained")
    with pytest.raises(ValueError, match="image lacks"):
        claims.more_steps(budgets().drop(index=8))


@pytest.mark.claim("D1")
def test_d1_wants_a_rise_with_depth_by_both_methods():
    assert set(verdicts("D1", claims.less_accurate(images(), "untrained")).values()) == {
        "reproduced"
    }
    flat = claims.less_accurate(images(every={"inputs": FLAT}), "untrained")
    assert set(verdicts("D1", flat).values()) == {"not reproduced"}
    points, results = made()
    for result in results:
        result.arrays["inputs"][0, :, :, -1] = FLAT[:, None]
    one = verdicts("D1", claims.less_accurate(tables.by_image(points, results), "untrained"))
    assert one["ratio_blurred"] == "not reproduced"
    assert one["ratio_adam"] == "reproduced"


@pytest.mark.claim("D1")
def test_d1_finds_no_rank_where_stages_differ_by_noise():
    noise = {"inputs": np.full(6, 8.0), "spread": 0.1}
    found = claims.less_accurate(images(every=noise), "untrained")
    assert set(verdicts("D1", found).values()) <= {"not reproduced", "inconclusive"}


@pytest.mark.claim("D1b")
def test_d1b_looks_at_the_calibrated_net():
    found = images(untrained={"inputs": FLAT})
    assert verdicts("D1b", claims.less_accurate(found, "calibrated"))["all"] == "reproduced"
    found = images(calibrated={"inputs": FLAT})
    assert verdicts("D1b", claims.less_accurate(found, "calibrated"))["all"] == "not reproduced"


@pytest.mark.claim("D1c")
def test_d1c_does_not_take_a_search_that_got_less_far_for_a_loss():
    assert verdicts("D1c", claims.at_equal_embedding(images()))["all"] == "reproduced"
    points, results = made()
    for i, result in enumerate(results):
        # Deep layers are only less converged: where embeddings are equally near, so are inputs.
        rng = np.random.default_rng(i)
        shape = result.arrays["inputs"].shape
        ratio = np.broadcast_to(np.geomspace(8, 0.05, 40), (*shape[:3], 40)).copy()
        for stage in range(len(STAGES)):
            ratio[:, stage, :, 40 - 6 * stage :] = ratio[:, stage, :, [39 - 6 * stage]][0, 0, 0]
        noise = 1 + 1e-6 * rng.normal(size=ratio.shape)
        result.arrays.update(embedding=2 * ratio, inputs=5 * ratio * noise, steps=np.arange(40))
    found = tables.by_image(points, results)
    assert verdicts("D1", claims.less_accurate(found, "untrained"))["ratio_adam"] == "reproduced"
    equal = claims.at_equal_embedding(found)
    assert equal["ratio_untrained"].value == pytest.approx(1, abs=1e-4)


@pytest.mark.claim("D1c")
def test_d1c_fails_where_depth_costs_nothing_at_equal_distance():
    found = claims.at_equal_embedding(images(every={"inputs": FLAT}))
    assert set(verdicts("D1c", found).values()) == {"not reproduced"}


@pytest.mark.claim("D1d")
def test_d1d_looks_at_the_net_with_equal_stages():
    assert verdicts("D1d", claims.with_equal_stages(images()))["all"] == "reproduced"
    found = claims.with_equal_stages(images(equal={"inputs": FLAT}))
    assert verdicts("D1d", found)["all"] == "not reproduced"


@pytest.mark.claim("D1e")
def test_d1e_wants_edges_lost_and_takes_no_edges_for_no_answer():
    assert verdicts("D1e", claims.fewer_edges(images()))["all"] == "reproduced"
    kept = claims.fewer_edges(images(every={"edges": (0.5, 0.4)}))
    assert set(verdicts("D1e", kept).values()) == {"not reproduced"}
    points, results = made()
    for i, result in enumerate(results):
        shape = result.arrays["hpcorr"].shape
        result.arrays["hpcorr"] = 0.03 * np.random.default_rng(i).normal(size=shape)
    none = claims.fewer_edges(tables.by_image(points, results))
    assert verdicts("D1e", none)["all"] != "reproduced"
    assert max(abs(estimate.value) for estimate in none.values()) < 0.03


@pytest.mark.claim("D2")
def test_d2_wants_inverted_distances_late_and_none_at_first():
    found = verdicts("D2", claims.inverted_distances(images(), starts()))
    assert set(found.values()) == {"reproduced"}
    near = {"inputs": RISING / 10}
    found = verdicts("D2", claims.inverted_distances(images(every=near), starts()))
    assert found["late_untrained"] == found["late_trained"] == "not reproduced"
    far = {"final": 1.5}
    found = verdicts("D2", claims.inverted_distances(images(every=far), starts()))
    assert found["late_untrained"] == "not reproduced"
    early = {"inputs": RISING + 5}
    found = verdicts("D2", claims.inverted_distances(images(every=early), starts()))
    assert found["first_trained"] == "not reproduced"
    found = verdicts("D2", claims.inverted_distances(images(), starts(every={"ends": 1.0})))
    assert found["spread_untrained"] == found["spread_trained"] == "not reproduced"


@pytest.mark.claim("D2b")
def test_d2b_asks_the_nearest_image():
    assert verdicts("D2b", claims.near_by_the_layer(images()))["all"] == "reproduced"
    crowded = images(calibrated={"nearest": 0.2})
    found = verdicts("D2b", claims.near_by_the_layer(crowded))
    assert found["untrained"] == found["trained"] == "reproduced"
    assert found["calibrated"] == "not reproduced"
    assert claims.inverted_distances(crowded, starts())["late_trained"].value == 1


@pytest.mark.claim("D2c")
def test_d2c_wants_both_ends_at_the_embedding_and_apart():
    assert verdicts("D2c", claims.many_inputs(starts()))["all"] == "reproduced"
    for fault in ({"ends_embedding": 1.2}, {"ends_embedding": 0.7, "nearest": 2.0}, {"ends": 2.0}):
        found = verdicts("D2c", claims.many_inputs(starts(every=fault)))
        assert found["untrained"] == found["trained"] == "not reproduced", fault
        arrived = "reproduced" if "ends" in fault else "not reproduced"
        assert found["arrived_untrained"] == arrived, "why it fails is told apart"


@pytest.mark.claim("D2c")
def test_d2c_counts_pairs_of_which_both_searches_arrived():
    points, results = made()
    for result in results:
        result.arrays["ends_embedding"][1, 3] = 5.0
    table = tables.by_start(points, results)
    late = table[table["stage"] == "c5"]
    assert late["one_embedding"].unique() == [0.75]
    assert late["many"].unique() == [0.5], "three of six pairs have the fourth start"
    assert late["pairs"].unique() == [0.5]
    assert late["start_spread"].unique() == pytest.approx(14 / START)
    found = claims.many_inputs(table)
    assert verdicts("D2c", found)["trained"] == "not reproduced"
    assert verdicts("D2c", found)["arrived_trained"] == "not reproduced"
    assert verdicts("D2c", found)["apart_trained"] == "reproduced", "of those that arrived"


@pytest.mark.claim("D2c")
def test_d2c_leaves_open_what_no_search_can_tell():
    found = claims.many_inputs(starts(natural={"ends_embedding": 1.2}))
    assert found["apart_trained"].n == 0
    judged = verdicts("D2c", found)
    assert judged["apart_trained"] == "inconclusive"
    assert judged["apart_untrained"] == "reproduced"
    points, results = made()
    for result in results[7:9]:  # two of the three trained nets
        result.arrays["ends_embedding"][1] = 5.0
    found = claims.many_inputs(tables.by_start(points, results))
    assert (found["apart_trained"].n, found["apart_trained"].value) == (1, 1.0)
    assert verdicts("D2c", found)["apart_trained"] == "inconclusive"
    near = claims.many_inputs(starts(every={"ends": 2.0}))
    assert verdicts("D2c", near)["apart_untrained"] == "not reproduced"


@pytest.mark.claim("D2d")
def test_d2d_compares_the_noisy_copy_with_the_nearest_image():
    found = claims.noisy_copies(images(calibrated={"nearest": 1.0}))
    assert found["calibrated"].value == pytest.approx(1)
    assert found["untrained"].value == pytest.approx(0.4)
    assert verdicts("D2d", found)["all"] == "reproduced"
    found = verdicts("D2d", claims.noisy_copies(images(untrained={"nearest": 1.0})))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("D3")
def test_d3_wants_nearer_embeddings_and_no_nearer_inputs():
    found = claims.more_steps(budgets())
    assert found["input_trained"].value == pytest.approx(1)
    assert found["embedding_trained"].value == pytest.approx(0.5)
    assert verdicts("D3", found)["all"] == "reproduced"
    found = verdicts("D3", claims.more_steps(budgets(every={"late_falls": (0.7, 0.5)})))
    assert found["input_untrained"] == found["input_trained"] == "not reproduced"
    found = verdicts("D3", claims.more_steps(budgets(every={"late_falls": (1.0, 0.9)})))
    assert found["embedding_trained"] == "not reproduced", "the search had ended"


@pytest.mark.claim("D3b")
def test_d3b_looks_at_the_middle():
    points, results = made()
    for result in results:
        result.arrays["budget_inputs"][0] *= 0.5
    table = tables.by_budget(points, results)
    assert verdicts("D3", claims.more_steps(table))["all"] == "reproduced"
    middle = verdicts("D3b", claims.more_steps_in_the_middle(table))
    assert middle["input_untrained"] == "not reproduced"
    assert middle["embedding_untrained"] == "reproduced"


@pytest.mark.claim("D3c")
def test_d3c_wants_the_first_layer_back():
    assert verdicts("D3c", claims.first_layer_comes_back(images()))["all"] == "reproduced"
    lost = claims.first_layer_comes_back(images(every={"inputs": RISING + 5}))
    assert set(verdicts("D3c", lost).values()) == {"not reproduced"}
