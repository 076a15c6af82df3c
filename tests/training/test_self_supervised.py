"""VICReg: its terms by hand, its views as known maps, and that it learns what views share."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from strata.nets.encoder import Encoder, projector
from strata.training.fitting import Budget
from strata.training.self_supervised import (
    SelfSupervision,
    Views,
    encoded,
    random_views,
    train_encoder,
    vicreg_terms,
    with_statistics,
)

STILL = Views(turn=0, zoom=0, shear=0, shift=0, erased=0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def settings(steps=8, batch=16, views=STILL, **weights):
    budget = Budget(steps=steps, batch_size=batch, first_rate=1e-2, last_rate=1e-3)
    return SelfSupervision(budget=budget, views=views, **weights)


# -- the terms of the loss -------------------------------------------------------------------------


def test_the_terms_are_those_of_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 12, 5)) * 0.7
    invariance, variance, covariance = vicreg_terms(torch.tensor(a), torch.tensor(b))
    assert invariance.item() == pytest.approx(((a - b) ** 2).mean())
    stds = [np.sqrt(z.var(axis=0, ddof=1) + 1e-4) for z in (a, b)]
    assert variance.item() == pytest.approx(sum(np.maximum(0, 1 - s).mean() for s in stds))
    off = ~np.eye(5, dtype=bool)
    squares = [(np.cov(z.T)[off] ** 2).sum() / 5 for z in (a, b)]
    assert covariance.item() == pytest.approx(sum(squares))


def test_terms_vanish_for_equal_views_of_unit_variance_without_covariance():
    z = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert [term.item() for term in vicreg_terms(z, z)] == [0, 0, 0]


def test_a_collapsed_embedding_pays_the_full_variance_term_and_nothing_else():
    z = torch.full((6, 3), 4.0)
    invariance, variance, covariance = vicreg_terms(z, z)
    assert invariance == covariance == 0
    # The floor below the root leaves 0.01 of a standard deviation.
    assert variance.item() == pytest.approx(2 * 0.99)


def test_shifts_change_no_variance_and_order_of_views_changes_nothing():
    a, b = torch.randn(2, 10, 4, generator=generator())
    terms = vicreg_terms(a, b)
    torch.testing.assert_close(vicreg_terms(b, a), terms)
    shifted = vicreg_terms(a + 5, b - 1)
    torch.testing.assert_close(shifted[1:], terms[1:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((4, 3), (4, 2)), ((4,), (4,))])
def test_embeddings_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="embeddings must be"):
        vicreg_terms(*(torch.zeros(shape) for shape in shapes))


# -- views -----------------------------------------------------------------------------------------


def picture():
    image = torch.zeros(28, 28)
    image[8:20, 10:14] = 1.0
    return image


def test_views_without_ranges_are_the_images():
    images = torch.rand(5, 28, 28, generator=generator())
    seen = random_views(images, STILL, generator(1))
    torch.testing.assert_close(seen, images, atol=1e-5, rtol=0)


def test_a_turn_keeps_the_distance_of_the_centroid_from_the_middle_and_its_mass():
    views = STILL.model_copy(update={"turn": 180.0})
    image = torch.zeros(28, 28)
    image[12:16, 18:22] = 1.0
    seen = random_views(image.expand(40, 28, 28), views, generator())
    places = torch.arange(28) - 13.5
    mass = seen.sum(dim=(1, 2))
    x, y = (seen.sum(dim=1) @ places) / mass, (seen.sum(dim=2) @ places) / mass
    torch.testing.assert_close(torch.hypot(x, y), torch.full((40,), 6.0), atol=0.05, rtol=0)
    torch.testing.assert_close(mass, torch.full((40,), 16.0), atol=0.5, rtol=0)
    assert (x < 0).any()
    assert (y > 3).any()


def test_zoom_scales_the_area_by_its_square_and_shear_keeps_it():
    bounds = {"zoom": (0.5, math.exp(-1.0), math.exp(1.0)), "shear": (0.5, 1.0, 1.0)}
    for name, (end, low, high) in bounds.items():
        views = STILL.model_copy(update={name: end})
        area = random_views(picture().expand(60, 28, 28), views, generator()).sum(dim=(1, 2)) / 48
        assert area.min() > low - 0.05
        assert area.max() < high + 0.05
        assert area.max() - area.min() < 0.05 if low == high else area.max() > 1.5


def test_a_shift_moves_by_at_most_its_share_of_the_side():
    views = STILL.model_copy(update={"shift": 0.25})
    image = torch.zeros(28, 28)
    image[13:15, 13:15] = 1.0
    seen = random_views(image.expand(200, 28, 28), views, generator())
    places = torch.arange(28) - 13.5
    x = (seen.sum(dim=1) @ places) / seen.sum(dim=(1, 2))
    assert x.abs().max().item() == pytest.approx(7, abs=0.3)


def test_an_erased_square_is_black_and_the_rest_is_kept():
    views = STILL.model_copy(update={"erased": 6})
    seen = random_views(torch.ones(50, 28, 28), views, generator())
    torch.testing.assert_close(
        seen.sum(dim=(1, 2)), torch.full((50,), 28.0**2 - 36), atol=0.1, rtol=0
    )
    corners = seen[:, 0, 0] < 0.5
    assert corners.sum() < 5
    whole = random_views(
        torch.ones(2, 28, 28), STILL.model_copy(update={"erased": 40}), generator()
    )
    assert whole.abs().max() < 1e-6


def test_a_range_out_of_bounds_is_refused():
    with pytest.raises(ValidationError, match="turn"):
        Views(turn=-1)


# -- training --------------------------------------------------------------------------------------


class Flat(nn.Module):
    """A linear encoder of images, so small that a test can follow it."""

    def __init__(self):
        super().__init__()
        self.map = nn.utils.skip_init(nn.Linear, 16, 2)
        with torch.no_grad():
            self.map.weight.normal_(0, 0.1, generator=generator())
            self.map.bias.zero_()

    def forward(self, images):
        return self.map(images.flatten(1))


def test_without_labels_it_finds_the_latent_that_the_views_leave_alone():
    """Eight pixels repeat one factor; eight others are strong and have nothing to do with it.

    A square erased from a view takes whole pixels of the second kind, and only copies of the
    factor: that is what two views have in common.
    """
    factor = torch.rand(400, 1, generator=generator(1))
    noise = 3 * torch.rand(400, 16, generator=generator(2))
    hidden = torch.rand(400, 16, generator=generator(4)) < 0.5
    images = torch.where(torch.arange(16) < 8, factor.expand(-1, 16), noise * hidden)
    images = images.reshape(400, 4, 4)
    views = STILL.model_copy(update={"erased": 2})
    start = Flat()
    trained = train_encoder(start, nn.Identity(), images, settings(300, 100, views), seed=0).encoder

    def share(encoder):
        z = encoded(encoder, images)
        design = np.c_[np.ones(400), z]
        fitted = design @ np.linalg.lstsq(design, factor.numpy())[0]
        return 1 - ((factor.numpy() - fitted) ** 2).sum() / (factor.numpy().var() * 400)

    assert share(trained) > share(start) + 0.2


def test_the_same_seed_gives_the_same_bits_and_leaves_the_start_alone():
    start = Encoder(4, generator=generator())
    head = projector(4, 8, generator=generator(1))
    images = torch.rand(40, 28, 28, generator=generator(2))
    before = {name: value.clone() for name, value in start.state_dict().items()}
    runs = [
        train_encoder(start, head, images, settings(3, views=Views()), seed=seed)
        for seed in (0, 0, 1)
    ]
    assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())
    first, again, other = (encoded(run.encoder, images) for run in runs)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(runs[0].terms, runs[1].terms)


def test_the_loss_is_the_weighted_sum_of_its_terms():
    images = torch.rand(40, 4, 4, generator=generator())
    weights = {"invariance": 2.0, "variance": 3.0, "covariance": 5.0}
    trained = train_encoder(Flat(), nn.Identity(), images, settings(5, **weights), seed=0)
    np.testing.assert_allclose(trained.loss, np.array([2.0, 3.0, 5.0]) @ trained.terms, rtol=1e-5)
    # Views that do not move are the same twice.
    np.testing.assert_allclose(trained.terms[0], 0, atol=1e-10)


def test_invariance_alone_collapses_and_the_variance_term_prevents_it():
    images = torch.rand(60, 4, 4, generator=generator())
    views = STILL.model_copy(update={"erased": 2})
    spreads = {
        variance: encoded(
            train_encoder(
                Flat(), nn.Identity(), images, settings(80, 40, views, variance=variance), seed=0
            ).encoder,
            images,
        )
        .std(axis=0)
        .max()
        for variance in (0.0, 25.0)
    }
    assert spreads[0.0] < 0.05
    assert spreads[25.0] > 0.3


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(ValueError, match="less than a batch"):
        train_encoder(Flat(), nn.Identity(), torch.zeros(3, 4, 4), settings(), seed=0)


def test_statistics_are_those_of_the_images_and_weights_stay():
    start = Encoder(4, generator=generator())
    images = torch.rand(30, 28, 28, generator=generator(1))
    filled = with_statistics(start, images)
    maps = filled.maps[0](images[:, None])
    torch.testing.assert_close(filled.maps[1].running_mean, maps.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(filled.maps[1].running_var, maps.var(dim=(0, 2, 3)))
    assert torch.equal(filled.latents.weight, start.latents.weight)
    assert torch.equal(start.maps[1].running_mean, torch.zeros(16))
    # So, in evaluation mode, it does what the start does in training mode on all of them.
    torch.testing.assert_close(filled(images), start.train()(images), atol=1e-2, rtol=1e-2)


def test_encoding_in_parts_changes_nothing():
    encoder = Encoder(3, generator=generator()).eval()
    images = torch.rand(1010, 28, 28, generator=generator(1))
    whole = encoder(images).detach().numpy()
    np.testing.assert_allclose(encoded(encoder, images), whole, atol=1e-5)
