"""The counts of operations, against what torch counts when a point is computed."""

from pathlib import Path

import pytest
from torch.utils.flop_counter import FlopCounterMode

from strata.book import operations
from strata.book.profiles import load_notebooks, points, resolve
from strata.experiments import (
    component_orders,
    component_targets,
    features,
    image_nets,
    inversion_relu,
    sprite_latents,
)

ROOT = Path(__file__).parents[2]
NOTEBOOKS = load_notebooks(ROOT)


def found(name, module, profile="smoke"):
    """The points of an experiment that a notebook rests on, the cheapest first."""
    notebook, seen = NOTEBOOKS[name], set()
    for asked, configs in points(notebook, resolve(notebook, profile, ROOT)):
        operations.with_needs(asked, configs, seen)
    return sorted((c for owner, c in seen if owner == module.__name__), key=module.cost)


@pytest.mark.parametrize(
    ("name", "module"),
    [("latent-sprites", sprite_latents), ("inversion-limits", inversion_relu)],
)
def test_what_is_counted_is_what_torch_multiplies(name, module):
    config = found(name, module)[0]
    with FlopCounterMode(display=False) as counter:
        module.run(config)
    measured = counter.get_total_flops() / 2
    assert operations.multiply_adds(module, config) == pytest.approx(measured, rel=0.2)


def test_training_counts_every_image_of_every_epoch_three_times():
    config = found("feature-complexity", image_nets)[0]
    with FlopCounterMode(display=False) as counter:
        net = image_nets.resnet50(16, stem=config.stem, width=config.width, generator=None)
        net(image_nets.torch.empty(1, 3, config.size, config.size, device="meta"))
    images = config.schedule.epochs * config.training_images
    counted = operations.multiply_adds(image_nets, config)
    assert counted == 3 * images * counter.get_total_flops() / 2


def test_a_family_keeps_and_a_chain_holds_the_features_of_all_samples():
    family = found("component-orders", component_targets)[0]
    data, nets = family.data, len(family.designs)
    positions = 1 if data.size is None else (data.size // 4) ** 2
    features_of_one = nets * family.feature * positions
    whole = 4 * features_of_one * (data.pool + data.test)
    assert operations.stored_bytes(component_targets, family) == whole
    chain = next(c for c in found("component-orders", component_orders) if c.targets == family)
    orders = len(chain.settings.orders)
    assert operations.held_bytes(component_orders, chain) == orders * whole


def test_points_come_with_what_they_rest_on_and_only_once():
    config, seen = found("feature-complexity", features)[0], set()
    first = operations.with_needs(features, [config, config], seen)
    assert [owner for owner, _ in first] == [features, image_nets]
    assert first[1][1] == config.net
    assert operations.with_needs(features, [config], seen) == []
