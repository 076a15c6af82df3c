"""Image sets: what is refused, balanced subsets, and one image from its bytes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from strata.data.images import ImageSet, balanced, brought_to, decode
from strata.data.images.location import DataError


def _set(labels, classes=("a", "b", "c")):
    # Every image says which one it is.
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    return ImageSet(np.tile(images, (1, 3, 2, 2)), np.array(labels), classes, "test", "all")


def _bytes(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _noise(h, w, channels=3, seed=0):
    shape = (h, w, channels) if channels > 1 else (h, w)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": np.zeros((2, 3, 4, 4))}, "uint8"),
        ({"images": np.zeros((2, 4, 4, 3), np.uint8)}, "uint8"),
        ({"images": np.zeros((2, 3, 4), np.uint8)}, "uint8"),
        ({"images": np.zeros((3, 3, 4, 4), np.uint8)}, "labels must be int64"),
        ({"images": np.zeros((2, 3, 0, 4), np.uint8)}, "no image"),
        ({"labels": np.zeros(2, np.int32)}, "int64"),
        ({"labels": np.array([0, 2])}, "from 0 to 1"),
        ({"labels": np.array([0, -1])}, "from 0 to 1"),
        ({"classes": ("a", "a")}, "once"),
    ],
)
def test_what_does_not_fit_is_refused(change, said):
    parts = {
        "images": np.zeros((2, 3, 4, 4), np.uint8),
        "labels": np.array([0, 1]),
        "classes": ("a", "b"),
    }
    ImageSet(**parts, source="s", split="all")
    with pytest.raises(ValueError, match=said):
        ImageSet(**(parts | change), source="s", split="all")


@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=5), data=st.data())
def test_a_subset_is_balanced_within_one_and_repeats_nothing(counts, data):
    k = len(counts)
    n = data.draw(st.integers(1, min(counts) * k))
    seed = data.draw(st.integers(0, 99))
    labels = np.repeat(np.arange(k), counts)
    places = balanced(labels, "abcde"[:k], n, np.random.default_rng(seed))
    drawn = np.bincount(labels[places], minlength=k)
    assert len(set(places.tolist())) == n == drawn.sum()
    assert drawn.max() - drawn.min() <= 1
    assert np.array_equal(places, balanced(labels, "abcde"[:k], n, np.random.default_rng(seed)))


def test_every_sample_and_every_class_can_be_drawn_and_the_order_is_random():
    labels, rng = np.repeat([0, 1, 2], 4), np.random.default_rng(0)
    draws = np.array([balanced(labels, "abc", 4, rng) for _ in range(300)])
    assert set(draws.ravel().tolist()) == set(range(12))
    # Each class has the fourth sample in a third of the draws: five standard errors.
    twos = np.array([np.bincount(labels[draw], minlength=3) == 2 for draw in draws])
    assert (np.abs(twos.mean(axis=0) - 1 / 3) < 5 * np.sqrt(2 / 9 / 300)).all()
    first = labels[draws[:, 0]]
    assert all(abs((first == c).mean() - 1 / 3) < 5 * np.sqrt(2 / 9 / 300) for c in range(3))


def test_a_subset_takes_image_and_label_together_and_keeps_the_rest():
    whole = _set([2, 0, 1, 1, 0, 2])
    part = whole.subset(3, np.random.default_rng(1))
    places = part.images[:, 0, 0, 0]
    assert np.array_equal(part.labels, whole.labels[places])
    assert (part.classes, part.source, part.split) == (whole.classes, "test", "all")
    assert sorted(part.labels.tolist()) == [0, 1, 2]
    again = whole.subset(3, np.random.default_rng(1))
    assert again.fingerprint() == part.fingerprint()


def test_all_samples_are_all_samples_balanced_or_not():
    labels = np.array([0, 0, 0, 1])
    places = balanced(labels, "ab", 4, np.random.default_rng(0))
    assert sorted(places.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize(("n", "said"), [(0, "at least one"), (5, "take 2 of 'b', which has 1")])
def test_a_subset_that_cannot_be_balanced_is_refused(n, said):
    with pytest.raises(ValueError, match=said):
        _set([0, 0, 0, 1, 2, 2], ("a", "b", "c")).subset(n, np.random.default_rng(3))


def test_the_fingerprint_sees_pixels_labels_and_names_and_nothing_else():
    one = _set([0, 1])
    pixels = one.images.copy()
    pixels[1, 2, 1, 1] ^= 1
    others = [
        ImageSet(pixels, one.labels, one.classes, "test", "all"),
        _set([1, 0]),
        _set([0, 1], ("a", "b", "d")),
    ]
    assert len({one.fingerprint(), *(other.fingerprint() for other in others)}) == 4
    other = ImageSet(one.images, one.labels, one.classes, "elsewhere", "train")
    assert other.fingerprint() == one.fingerprint()


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_lossless_format_gives_its_pixels_back(form):
    pixels = _noise(5, 7)
    image, found = decode(_bytes(Image.fromarray(pixels), form), "x")
    assert image.shape == (3, 5, 7)
    assert np.array_equal(image, pixels.transpose(2, 0, 1))
    assert found == form


def test_grayscale_is_repeated_and_transparency_dropped():
    gray, colour = _noise(4, 4, 1), _noise(4, 4, 4)
    for mode in ("L", "P"):
        image, _ = decode(_bytes(Image.fromarray(gray).convert(mode)), "x")
        assert np.array_equal(image, np.stack([gray] * 3))
    image, _ = decode(_bytes(Image.fromarray(colour)), "x")
    assert np.array_equal(image, colour[..., :3].transpose(2, 0, 1))


def test_jpeg_is_close_to_what_it_was_made_from():
    ramp = np.tile(np.linspace(0, 255, 16, dtype=np.uint8)[:, None, None], (1, 16, 3))
    image, found = decode(_bytes(Image.fromarray(ramp), "JPEG", quality=95), "x")
    assert found == "JPEG"
    assert np.abs(image.astype(int) - ramp.transpose(2, 0, 1)).max() < 8


def test_a_damaged_image_is_named():
    good = _bytes(Image.fromarray(_noise(32, 32)), "JPEG")
    bad = [b"", b"not an image", good[: len(good) // 2], _bytes(Image.fromarray(_noise(9, 9)))[:60]]
    for content in bad:
        with pytest.raises(DataError, match=r"train/cat/7\.jpg cannot be read"):
            decode(content, "train/cat/7.jpg")


def test_more_than_8_bits_are_refused_rather_than_clipped():
    deep = Image.fromarray(np.full((4, 4), 40_000, np.uint16))
    with pytest.raises(DataError, match="8 bits a channel"):
        decode(_bytes(deep), "x")


def test_a_format_that_another_program_would_draw_is_refused():
    with pytest.raises(DataError, match="cannot identify"):
        decode(_bytes(Image.fromarray(_noise(4, 4)), "EPS"), "picture.jpg")


def test_an_image_of_the_size_keeps_its_bits_and_others_are_cropped_to_the_centre():
    pixels = _noise(8, 8)
    content = _bytes(Image.fromarray(pixels))
    assert np.array_equal(decode(content, "x", 8)[0], decode(content, "x")[0])
    # 4 × 12 with red, green and blue thirds: the centre square is the green one.
    thirds = np.zeros((4, 12, 3), np.uint8)
    for channel in range(3):
        thirds[:, 4 * channel : 4 * channel + 4, channel] = 255
    for side in (4, 2):
        wide = np.asarray(brought_to(Image.fromarray(thirds), side))
        high = np.asarray(brought_to(Image.fromarray(thirds.transpose(1, 0, 2)), side))
        assert np.array_equal(wide, high.transpose(1, 0, 2))
        if side == 4:
            assert np.array_equal(wide, thirds[:, 4:8])


def test_shrinking_averages_rather_than_picks():
    # A fine checkerboard has mean 127.5 at any coarser scale.
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    small = np.asarray(brought_to(Image.fromarray(np.stack([board] * 3, axis=2)), 8)).astype(int)
    assert np.abs(small - 127.5).max() < 3


def test_a_constant_image_stays_constant_at_any_size():
    colour = np.full((7, 13, 3), [10, 200, 90], np.uint8)
    for side in (1, 5, 20):
        image = np.asarray(brought_to(Image.fromarray(colour), side))
        assert np.array_equal(image, np.full((side, side, 3), [10, 200, 90]))
    with pytest.raises(ValueError, match="at least 1"):
        brought_to(Image.fromarray(colour), 0)
