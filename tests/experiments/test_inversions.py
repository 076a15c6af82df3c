"""The nets of study D and the inputs made for them: what a point says is what its images give."""

import numpy as np
import pytest
import torch
from inverted_nets import NETS
from pydantic import ValidationError

from strata.experiments import inversion_nets, inversions
from strata.experiments.inversion_pictures import as_pixels

TINY = NETS | {
    "width": 8,
    "few_epochs": 25,
    "batch_size": 25,
    "learning_rate": 0.1,
    "pool": 30,
}
PARAMETERS = inversion_nets.Parameters(**TINY)
KINDS = ("untrained", "calibrated", "matched", "random_labels", "noise")


@pytest.fixture(scope="module")
def nets():
    configs = {kind: PARAMETERS.net(kind, 0) for kind in KINDS}
    return {kind: (config, inversion_nets.run(config)) for kind, config in configs.items()}


def point(nets, kind="untrained", **options):
    config, net = nets[kind]
    options = {"stage": "c3", "method": "adam", "steps": 6, "rate_steps": 2} | options
    chosen = inversions.Config(net=config, **options)
    return chosen, inversions.run(chosen, given=[net])


def test_kinds_share_weights_and_images_and_seeds_do_not(nets):
    untrained = inversion_nets.net_of(*nets["untrained"])
    calibrated = inversion_nets.net_of(*nets["calibrated"])
    for a, b in zip(untrained.parameters(), calibrated.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(untrained.bn1.running_mean, calibrated.bn1.running_mean)
    first, second = (inversion_nets.pictures(PARAMETERS.net("noise", seed)) for seed in (0, 1))
    assert first is inversion_nets.pictures(PARAMETERS.net("natural", 0))
    assert not torch.equal(first.judged, second.judged)
    assert len(first.names) == len(first.photographs) == 1
    assert len(second.names) == len(second.photographs) == 0
    assert first.fingerprint() != second.fingerprint()


def test_a_net_learns_from_raw_pixels_what_it_is_then_given(nets):
    config, result = nets["matched"]
    net, found = inversion_nets.net_of(config, result), inversion_nets.pictures(config)
    with torch.no_grad():
        right = net(as_pixels(found.training[:50])).argmax(1) == found.labels[:50]
    # The last epoch counts each batch before its update, in training mode.
    assert result.metrics["training_accuracy"] > 0.5
    assert float(right.double().mean()) > 0.5
    assert not net.fc.weight.requires_grad


def test_the_few_are_the_same_images_or_noise_and_labels_are_true_or_random():
    lessons = {}
    for kind in inversion_nets.FEW:
        config = PARAMETERS.net(kind, 0)
        lessons[kind] = inversion_nets._lesson(config, inversion_nets.pictures(config))
    (true, labels), (same, random), (noise, other) = lessons.values()
    assert torch.equal(true, same)
    assert not torch.equal(true, noise)
    found = inversion_nets.pictures(PARAMETERS.net("matched", 0))
    assert torch.equal(labels, found.labels[:50])
    for drawn in (random, other):
        assert float((drawn == labels).double().mean()) < 0.4
    # Clipped at 0 and 1, two deviations away: the mean stays, the deviation shrinks.
    pixels = as_pixels(noise)
    assert float(pixels.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(pixels.std()) == pytest.approx(0.24, abs=0.01)
    schedules = {PARAMETERS.net(kind, 0).schedule for kind in inversion_nets.FEW}
    assert len(schedules) == 1


def test_a_net_is_the_same_to_the_last_bit(nets):
    config, result = nets["random_labels"]
    assert inversion_nets.run(config).digest() == result.digest()


@pytest.mark.parametrize("method", ["adam", "blurred", "descent"])
def test_distances_are_those_of_the_images_that_were_made(nets, method):
    config, result = point(nets, method=method)
    embed = inversions.embedder(inversion_nets.net_of(*nets["untrained"]), "c3")
    a, made = inversions.originals(config), torch.from_numpy(result.arrays["made"])
    with torch.no_grad():
        apart = (embed(made) - embed(a)).flatten(1).norm(dim=1)
    np.testing.assert_allclose(result.arrays["embedding"][:, -1], apart, rtol=1e-4)
    np.testing.assert_allclose(
        result.arrays["inputs"][:, -1], (made - a).flatten(1).norm(dim=1), rtol=1e-5
    )
    assert result.arrays["steps"].tolist() == [0, 5, 6]
    assert ("rate" in result.arrays) == (method != "adam")
    assert (result.arrays["embedding"][:, -1] < result.arrays["embedding"][:, 0]).all()


def test_what_distances_are_held_against(nets):
    config, result = point(nets)
    embed = inversions.embedder(inversion_nets.net_of(*nets["untrained"]), "c3")
    a = inversions.originals(config)
    pool = as_pixels(inversion_nets.pictures(config.net).pool)
    with torch.no_grad():
        apart = torch.stack([(embed(pool) - embed(x[None])).flatten(1).norm(dim=1) for x in a])
    found = result.arrays
    np.testing.assert_allclose(found["nearest"], apart.min(1).values, rtol=1e-4)
    # 768 pixels of deviation 1/18.
    np.testing.assert_allclose(found["reference_input"], 768**0.5 / 18, rtol=0.03)
    np.testing.assert_allclose(found["gray_input"], (a - 0.5).flatten(1).norm(dim=1), rtol=1e-5)
    assert result.metrics["elements"] == pytest.approx(8 / 3 * 8 / 16)


def test_starts(nets):
    def start(**options):
        return inversions.start_of(inversions.Config(method="adam", steps=1, **options))

    net, other = nets["untrained"][0], nets["noise"][0]
    noise = start(net=net, stage="c3")
    assert torch.equal(noise, start(net=other, stage="conv1"))
    assert float(noise.mean()) == pytest.approx(0.7, abs=0.01)
    assert float(noise.std()) == pytest.approx(0.05, abs=0.01)
    assert not torch.equal(noise, start(net=net, stage="c3", start="noise2"))
    assert bool((start(net=net, stage="c3", start="gray") == 0.5).all())
    pool = as_pixels(inversion_nets.pictures(net).pool)
    assert torch.equal(start(net=net, stage="c3", start="other"), pool[-3:])


def test_parameters_out_of_range_are_refused():
    for wrong in ({"width": 6}, {"seeds": 1}, {"data": "mnist"}, {"images": 1}):
        with pytest.raises(ValidationError):
            inversion_nets.Parameters(**(TINY | wrong))
    kinds = PARAMETERS.nets(("untrained", "natural"))
    assert [(net.kind, net.seed) for net in kinds] == [
        ("untrained", 0),
        ("untrained", 1),
        ("natural", 0),
        ("natural", 1),
    ]
    assert [net.schedule is None for net in kinds] == [True, True, False, False]
