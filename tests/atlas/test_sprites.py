"""The sheet of pictures, decoded again: every picture in its place, to the pixel."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from toy_map import pictures, toy_codes

from strata.atlas.sprites import Sheet, sprite_sheet
from strata.data.shapes import make_shapes
from strata.seeding import numpy_generator


def decoded(sheet: Sheet) -> np.ndarray:
    head, _, body = sheet.uri.partition(",")
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(body, validate=True)))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB"))


def block(sheet: Sheet, feature: int) -> np.ndarray:
    """The pictures of one feature."""
    y, x = (feature // sheet.across) * sheet.height, (feature % sheet.across) * sheet.width
    return decoded(sheet)[y : y + sheet.height, x : x + sheet.width]


def picture(sheet: Sheet, feature: int, place: int, side: int) -> np.ndarray:
    """One picture, without the white line around it, as (3, h, w)."""
    y, x = (place // 3) * (side + 2) + 1, (place % 3) * (side + 2) + 1
    return block(sheet, feature)[y : y + side, x : x + side].transpose(2, 0, 1)


def few_colours(n: int, side: int) -> np.ndarray:
    """Images of single pixels in 200 colours."""
    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    return palette[rng.integers(0, 200, (n, side, side))].transpose(0, 3, 1, 2)


@pytest.mark.parametrize("shown", [1, 2, 3, 5, 6])
def test_every_picture_is_in_its_place_to_the_pixel(shown):
    images, codes = few_colours(20, 32), np.random.default_rng(1).random((20, 7))
    sheet = sprite_sheet(images, codes, shown)
    for feature in range(7):
        for place, image in enumerate(np.argsort(-codes[:, feature])[:shown]):
            assert (picture(sheet, feature, place, 32) == images[image]).all()


def test_the_blocks_make_up_the_sheet():
    sheet = sprite_sheet(few_colours(20, 8), np.ones((20, 7)), 6)
    assert (sheet.across, sheet.down) == (3, 3)
    assert (sheet.width, sheet.height) == (3 * 10, 2 * 10)
    assert decoded(sheet).shape == (3 * 20, 3 * 30, 3)
    assert (block(sheet, 7) == 255).all()


def test_a_bright_thing_on_much_gray_keeps_its_hue():
    images = make_shapes(96, numpy_generator("sprites", 0)).images
    sheet = sprite_sheet(images, np.eye(96), 1)
    shown = np.stack([picture(sheet, feature, 0, 32) for feature in range(96)])
    off = np.abs(shown.astype(int) - images).max(axis=1)
    assert off.mean() < 4
    assert np.quantile(off, 0.999) < 48  # median cut alone: 75


def test_an_image_without_the_feature_leaves_its_place_white():
    sheet = sprite_sheet(pictures(), toy_codes(), 6)
    assert (block(sheet, 5) == 255).all()
    codes = toy_codes()
    codes[1:, 0] = 0
    sheet = sprite_sheet(pictures(), codes, 6)
    assert (picture(sheet, 0, 0, 8) == pictures()[0]).all()
    assert (picture(sheet, 0, 1, 8) == 255).all()


def test_larger_images_are_averaged():
    small = few_colours(6, 32)
    large = small.repeat(3, axis=2).repeat(3, axis=3)
    assert sprite_sheet(large, np.ones((6, 2)), 6) == sprite_sheet(small, np.ones((6, 2)), 6)


def test_others_are_made_square():
    wide = few_colours(6, 32)[:, :, :16]
    sheet = sprite_sheet(wide, np.ones((6, 1)), 1)
    assert (picture(sheet, 0, 0, 32) == wide[0].repeat(2, axis=1)).all()


def test_the_same_pictures_give_the_same_bytes():
    assert sprite_sheet(pictures(), toy_codes(), 6) == sprite_sheet(pictures(), toy_codes(), 6)


@pytest.mark.parametrize(
    ("images", "shown", "words"),
    [
        (pictures()[0], 6, "uint8"),
        (pictures()[:, :1], 6, "uint8"),
        (pictures().astype(np.float32), 6, "uint8"),
        (pictures(11), 6, "11 images for 12 rows"),
        (pictures(), 13, "from 1 to 12"),
        (pictures(), 0, "from 1 to 12"),
    ],
)
def test_what_cannot_be_shown_is_said(images, shown, words):
    with pytest.raises(ValueError, match=words):
        sprite_sheet(images, toy_codes(), shown)


def test_there_must_be_a_feature():
    with pytest.raises(ValueError, match="no feature"):
        sprite_sheet(pictures(), np.ones((12, 0)), 1)
