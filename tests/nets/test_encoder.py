"""The small encoder: what it maps, and that nothing but the generator decides its start."""

import math

import pytest
import torch

from strata.nets.encoder import CHANNELS, Encoder, projector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_it_maps_images_to_latents_of_its_size():
    images = torch.rand(3, 28, 28, generator=generator())
    assert Encoder(5, generator=generator()).eval()(images).shape == (3, 5)


def test_in_evaluation_mode_no_image_sees_another():
    encoder = Encoder(5, generator=generator()).eval()
    images = torch.rand(4, 28, 28, generator=generator(1))
    alone = torch.cat([encoder(image[None]) for image in images])
    torch.testing.assert_close(encoder(images), alone)


def test_the_start_comes_from_the_generator_alone():
    first, again = (Encoder(5, generator=generator(3)).state_dict() for _ in "ab")
    other = Encoder(5, generator=generator(4)).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["latents.weight"], other["latents.weight"])
    state = torch.get_rng_state()
    projector(5, 7, generator=generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_weights_have_the_variance_that_keeps_a_relus_second_moment():
    encoder = Encoder(400, generator=generator())
    features = CHANNELS[-1] * 16
    assert encoder.latents.weight.std().item() == pytest.approx(math.sqrt(2 / features), rel=0.02)
    last = encoder.maps[6].weight
    assert last.std().item() == pytest.approx(math.sqrt(2 / (9 * CHANNELS[1])), rel=0.03)


def test_a_projector_has_no_bias_that_a_shift_of_the_latents_could_use():
    """Behind a batch normalisation a shift of all latents of a batch changes nothing."""
    head = projector(4, 6, generator=generator())
    latents = torch.randn(9, 4, generator=generator(1))
    torch.testing.assert_close(head(latents), head(latents + 3.0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 27, 28), (28, 28)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="images must be"):
        Encoder(3, generator=generator())(torch.zeros(shape))


def test_sizes_below_one_are_refused():
    for make in (
        lambda: Encoder(0, generator=generator()),
        lambda: projector(0, 3, generator=generator()),
        lambda: projector(3, 0, generator=generator()),
    ):
        with pytest.raises(ValueError, match="at least one number"):
            make()
