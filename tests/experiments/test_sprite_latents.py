"""Nets on sprites: what decides a point, and what it gives."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats

from strata.data.shapes import as_float
from strata.data.sprites import make_sprites
from strata.experiments import sprite_latents as sprites
from strata.experiments.sprite_layers import (
    CKA_KINDS,
    GROUPS,
    TARGETS,
    describe,
    latent_groups,
    read_targets,
)
from strata.measures.cka import debiased_cka, rbf_cka
from strata.measures.ntk import layerwise_ntk
from strata.measures.ridge import cross_fit
from strata.measures.soft_ranks import covariance_rank, ntk_rank
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator

TINY = {
    "mlp_depths": [1, 4],
    "conv_depths": [2, 4],
    "seeds": 2,
    "size": 16,
    "training_images": 120,
    "test_images": 100,
    "measured_images": 80,
    "ntk_images": 20,
    "agreement": 0.9,
    "width": 12,
    "channels": 4,
    "learning_rate": 0.002,
    "batch_size": 40,
    "epochs": 2,
    "few_images": 40,
    "few_epochs": 3,
}


def parameters(**changes: object) -> sprites.Parameters:
    return sprites.Parameters(**TINY | changes)


def point(arch: str, depth: int, **changes: object) -> sprites.Config:
    chosen = next(p for p in parameters().points() if (p.arch, p.depth, p.seed) == (arch, depth, 0))
    return chosen.model_copy(update=changes)


@pytest.fixture(scope="module")
def mlp() -> Result:
    return sprites.run(point("mlp", 4))


@pytest.fixture(scope="module")
def conv() -> Result:
    return sprites.run(point("conv", 2))


def test_points_are_all_depths_controls_and_few_images():
    given = parameters()
    points = given.points()
    assert len(set(points)) == len(points) == 2 * 2 * (4 + 2)
    assert {p.agreement for p in given.control_points()} == {0.5}
    assert {(p.arch, p.depth) for p in given.control_points()} == {("mlp", 4), ("conv", 4)}
    few = [p for p in points if p.training_images == 40]
    assert len(few) == len(points) / 2
    assert {(p.measured_images, p.schedule.epochs) for p in few} == {(0, 3)}
    assert {p.test_agreement for p in points} == {0.9}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mlp_depths", [4, 1]),
        ("conv_depths", [1, 4]),
        ("agreement", 0.5),
        ("seeds", 1),
        ("size", 18),
        ("ntk_images", 90),
        ("measured_images", 101),
        ("few_images", 120),
    ],
)
def test_parameters_that_make_no_sense_are_refused(field: str, value: object):
    assert_refused(parameters, field, value)


def test_claims_on_the_inside_of_nets_need_deep_ones():
    with pytest.raises(ValueError, match="C14f"):
        parameters(mlp_depths=[1, 3])


def test_one_seed_has_the_same_test_images_for_all_nets():
    first = sprites.make_data(point("mlp", 1))
    other = sprites.make_data(point("conv", 4, agreement=0.5))
    for name in ("id", "ood"):
        assert np.array_equal(first[name].images, other[name].images)
    assert not np.array_equal(first["train"].images, other["train"].images)
    agree = {
        name: (set_.factors["label"] == set_.factors["shortcut"]).mean()
        for name, set_ in first.items()
    }
    assert agree == pytest.approx({"train": 0.9, "id": 0.9, "ood": 0.5}, abs=0.01)


def test_the_fingerprint_says_which_images():
    known = sprites.data_fingerprint(point("mlp", 1))
    assert sprites.data_fingerprint(point("conv", 4)) == known
    for change in ({"seed": 1}, {"agreement": 0.8}, {"training_images": 121}, {"size": 20}):
        assert sprites.data_fingerprint(point("mlp", 1, **change)) != known


def test_costs_grow_with_depth_and_images():
    for arch, depths in (("mlp", (1, 4)), ("conv", (2, 4))):
        more = point(arch, depths[1], training_images=500)
        assert_costs_grow(sprites, *(point(arch, d) for d in depths), more)


@pytest.mark.parametrize(("arch", "depth"), [("mlp", 1), ("conv", 2)])
def test_a_point_gives_the_same_bits_again(arch: str, depth: int, tmp_path: Path):
    chosen = point(arch, depth, measured_images=0)
    assert_repeats(sprites, chosen, sprites.run(chosen), tmp_path)


def test_the_first_weights_without_errors_are_scored_too():
    """A net that has learned its few images by heart: at that epoch, and at the end."""
    schedule = point("mlp", 1).schedule.model_copy(update={"epochs": 60, "lr": 0.01})
    config = point("mlp", 1, training_images=20, measured_images=0, schedule=schedule)
    found = sprites.run(config).metrics
    epoch = found["zero_error_epoch"]
    assert 1 < epoch < 60
    shorter = schedule.model_copy(update={"epochs": epoch})
    then = sprites.run(config.model_copy(update={"schedule": shorter})).metrics
    assert then["conflicting"] == found["zero_error_conflicting"]


def test_a_net_that_is_not_looked_at_has_its_accuracies_only():
    found = sprites.run(point("mlp", 1, measured_images=0))
    assert found.arrays == {}
    assert 0 <= found.metrics["ood"] <= 1


def test_accuracy_on_the_ood_set_is_the_mean_of_its_two_halves(mlp: Result, conv: Result):
    for found in (mlp, conv):
        halves = [found.metrics[name] for name in ("agreeing", "conflicting")]
        assert found.metrics["ood"] == pytest.approx(np.mean(halves))


def test_arrays_have_a_place_for_the_input_and_every_map(mlp: Result, conv: Result):
    for found, maps, views in ((mlp, 5, ["flat"]), (conv, 3, ["flat", "pooled"])):
        for ending in ("", "_init"):
            assert found.arrays[f"ntk{ending}"].shape == (maps,)
            for view in views:
                assert found.arrays[f"rank_{view}{ending}"].shape == (maps + 1,)
                assert found.arrays[f"read_{view}{ending}"].shape == (len(TARGETS), maps + 1)
                for kind in CKA_KINDS:
                    shape = found.arrays[f"{kind}_{view}{ending}"].shape
                    assert shape == (len(GROUPS), maps + 1)
    assert not any("pooled" in name for name in mlp.arrays)
    assert np.array_equal(conv.arrays["rank_flat"][[-1]], conv.arrays["rank_pooled"][[-1]])


def test_an_untrained_net_is_described_as_by_hand(mlp: Result):
    """Everything that is said of the net before training, from the measures themselves."""
    config = point("mlp", 4)
    sets, net = sprites.make_data(config), sprites.make_net(config)
    light = torch.tensor(as_float(sets["train"].images))
    ood = torch.tensor(as_float(sets["ood"].images))
    x = ((ood - light.mean(0)) / light.std()).flatten(1)[: config.measured_images]
    factors = {name: f[: config.measured_images] for name, f in sets["ood"].factors.items()}
    with torch.no_grad():
        z = net.preactivations(x)[2]
    arrays = mlp.arrays
    assert arrays["rank_flat_init"][3] == pytest.approx(covariance_rank(z))
    core = latent_groups(factors, config.seed)[0]
    assert arrays["rbf_flat_init"][0, 3] == pytest.approx(rbf_cka(core, z), abs=1e-6)
    assert arrays["debiased_flat_init"][0, 3] == pytest.approx(debiased_cka(core, z), abs=1e-6)
    place = TARGETS.index("x")
    assert arrays["read_flat_init"][place, 3] == pytest.approx(cross_fit(z, factors["x"]).r2[0])
    kernels = layerwise_ntk(net.double(), x[: config.ntk_images].double(), output=0)
    expected = [ntk_rank(kernel) for _, kernel in kernels]
    assert arrays["ntk_init"] == pytest.approx(expected, rel=1e-5)


class Latents(MLP):
    """A net whose only hidden map is its input."""

    def __init__(self, d: int) -> None:
        super().__init__([d, d, 2], generator=torch_generator("latents"))
        with torch.no_grad():
            self.layers[0].weight.copy_(torch.eye(d))
            self.layers[0].bias.zero_()


def test_a_map_that_holds_the_latents_is_found_out():
    """Known answers: the map is the spurious latents themselves, and nothing else."""
    factors = make_sprites(300, numpy_generator("t"), agreement=0.5, size=16).factors
    groups = latent_groups(factors, 0)
    place = torch.tensor(groups[GROUPS.index("spurious")], dtype=torch.float32)
    found = describe(Latents(2), place, factors, ntk_images=20, seed=0)
    at = {name: found["rbf_flat"][GROUPS.index(name), 1] for name in GROUPS}
    assert at["spurious"] == pytest.approx(1, abs=1e-6)
    assert max(at[name] for name in GROUPS if name != "spurious") < 0.1
    read = dict(zip(TARGETS, found["read_flat"][:, 1], strict=True))
    assert min(read["x"], read["y"]) > 0.999
    assert max(read[name] for name in ("shape", "size", "hue_angle", "level")) < 0.1
    assert found["rank_flat"][1] == pytest.approx(2, abs=0.1)


def test_shuffled_latents_are_the_core_latents_in_another_order():
    factors = make_sprites(50, numpy_generator("t"), agreement=0.5, size=16).factors
    groups = dict(zip(GROUPS, latent_groups(factors, 0), strict=True))
    assert not np.array_equal(groups["shuffled"], groups["core"])
    assert np.array_equal(np.sort(groups["shuffled"], axis=0), np.sort(groups["core"], axis=0))
    assert all(np.allclose(g.std(axis=0), 1) for g in groups.values())


def test_within_is_what_size_does_not_say_of_the_radius():
    factors = make_sprites(400, numpy_generator("t"), agreement=0.5, size=16).factors
    columns = dict(zip(TARGETS, read_targets(factors).T, strict=True))
    for size in (0, 1):
        assert abs(columns["within"][factors["size"] == size].mean()) < 1e-12
    assert np.corrcoef(columns["within"], factors["size"])[0, 1] == pytest.approx(0, abs=1e-9)


def test_nets_of_one_seed_differ_in_depth_only():
    widths = [sprites.make_net(point("mlp", depth)).widths for depth in (1, 4)]
    assert [len(w) for w in widths] == [3, 6]
    blocks = [len(sprites.make_net(point("conv", depth)).convolutions) for depth in (2, 4)]
    assert all(a < b for a, b in pairwise(blocks))
