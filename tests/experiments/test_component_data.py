"""The data of study B: pool and test samples apart, standardised, the same for every seed."""

import numpy as np
import pytest
import torch
from component_nets import DATA, IMAGES
from pydantic import ValidationError

from strata.experiments import component_data
from strata.experiments.component_data import DIGITS, Data, load


@pytest.mark.parametrize("data", [DATA, Data.vectors("digits", 5, 5), IMAGES], ids=lambda d: d.name)
def test_a_pool_has_what_was_asked_for(data: Data) -> None:
    pool = load(data)
    assert len(pool.inputs) == len(pool.labels) == data.pool
    assert len(pool.test_inputs) == len(pool.test_labels) == data.test
    assert pool.inputs.shape[1:] == ((3, 16, 16) if data.size else (64,))
    assert pool.inputs.dtype == torch.float32
    assert pool.labels.dtype == torch.int64
    assert pool.labels.max() < pool.classes


def test_vectors_have_mean_0_and_deviation_1_on_the_pool() -> None:
    pool = load(Data.vectors("digits", 0, 0))
    assert pool.inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert pool.inputs.std().item() == pytest.approx(1, abs=1e-4)


def test_all_digits_are_used_once() -> None:
    data = Data.vectors("digits", 10, 10)
    assert (data.pool, data.test) == DIGITS
    pool = load(data)
    everything = torch.cat([pool.inputs, pool.test_inputs])
    assert len(everything) == 1797
    assert len(torch.unique(everything, dim=0)) == 1797


def test_no_test_sample_is_in_the_pool() -> None:
    pool = load(DATA)
    assert len(torch.unique(torch.cat([pool.inputs, pool.test_inputs]), dim=0)) == 360


def test_the_fingerprint_follows_the_data() -> None:
    more = DATA.model_copy(update={"test": 121})
    assert component_data.data_fingerprint(DATA) != component_data.data_fingerprint(more)
    assert component_data.data_fingerprint(DATA) == component_data.data_fingerprint(
        Data(**DATA.model_dump())
    )


def test_smaller_images_are_averages() -> None:
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    small = component_data._shrunk(images, 2)
    corner = images[0, 0, :2, :2].mean() / 255
    assert small.shape == (2, 3, 2, 2)
    assert small[0, 0, 0, 0].item() == pytest.approx((corner - 0.5) / 0.25, abs=1e-5)


def test_wrong_data_is_refused() -> None:
    with pytest.raises(ValueError, match="no size"):
        load(Data(name="manifold", pool=10, test=10, size=8))
    with pytest.raises(ValueError, match="need a size"):
        load(Data(name="shapes", pool=10, test=10))
    with pytest.raises(ValueError, match="1797 digits"):
        load(Data(name="digits", pool=1200, test=1200))
    with pytest.raises(ValidationError):
        Data(name="letters", pool=10, test=10)
