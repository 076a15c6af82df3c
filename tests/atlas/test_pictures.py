"""Top images in the right order, and the figure that shows them from simple to complex."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from toy_map import pictures

from strata.atlas import atlas_figure, top_images

CODES = np.array([[3.0, 0.0, 1.0], [1.0, 2.0, 1.0], [2.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
SCORES = np.array([0.9, 0.1, 0.5])


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def rows_of(figure: Figure, per_feature: int) -> list[list[Axes]]:
    axes = figure.axes
    return [axes[i : i + per_feature + 1] for i in range(0, len(axes), per_feature + 1)]


def test_the_largest_code_is_first():
    assert top_images(CODES, 2)[:2].tolist() == [[0, 2], [3, 1]]


def test_of_equal_codes_the_first_image_is_first():
    assert top_images(CODES, 4)[2].tolist() == [0, 1, 2, 3]
    many = (np.arange(500) % 3 == 0).astype(float)[:, None]
    assert top_images(many, 200)[0].tolist() == [
        *range(0, 500, 3),
        *(i for i in range(50) if i % 3),
    ]


def test_it_is_a_full_sort_of_each_column():
    codes = np.random.default_rng(0).normal(size=(40, 7))
    best = top_images(codes, 40)
    assert (np.diff(np.take_along_axis(codes.T, best, axis=1), axis=1) <= 0).all()
    assert (np.sort(best, axis=1) == np.arange(40)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_the_type_of_the_codes_does_not_matter(dtype):
    assert (top_images(CODES.astype(dtype), 4) == top_images(CODES, 4)).all()


def test_an_image_without_a_code_is_last():
    assert top_images([[np.nan], [0.0], [1.0]], 3).tolist() == [[2, 1, 0]]


@pytest.mark.parametrize("per_feature", [0, 5])
def test_no_more_images_than_there_are(per_feature):
    with pytest.raises(ValueError, match="from 1 to 4"):
        top_images(CODES, per_feature)


def test_codes_are_a_matrix():
    with pytest.raises(ValueError, match=r"shape \(n, k\)"):
        top_images([1.0, 2.0], 1)


def test_rows_go_from_simple_to_complex_and_say_number_score_and_prevalence():
    figure = atlas_figure(pictures(4), CODES, SCORES, [0, 1, 2], per_feature=2, symbol=r"\kappa")
    words = [row[0].texts[0].get_text() for row in rows_of(figure, 2)]
    assert words == [
        "feature 1\n$\\kappa$ = 0.10\nin 50 % of images",
        "feature 2\n$\\kappa$ = 0.50\nin 100 % of images",
        "feature 0\n$\\kappa$ = 0.90\nin 75 % of images",
    ]


def test_equal_scores_go_by_number():
    figure = atlas_figure(pictures(4), CODES, np.ones(3), [2, 0], per_feature=1)
    words = [row[0].texts[0].get_text() for row in rows_of(figure, 1)]
    assert [word.split("\n")[0] for word in words] == ["feature 0", "feature 2"]


def test_a_row_shows_the_top_images_with_their_labels():
    images, names = pictures(4), ["owl", "fox", "elk", "bee"]
    figure = atlas_figure(images, CODES, SCORES, [0, 1], per_feature=3, labels=names)
    first, second = rows_of(figure, 3)  # feature 1, then feature 0
    for row, best in ((first, [3, 1]), (second, [0, 2, 1])):
        for ax, image in zip(row[1:], best, strict=False):
            assert (ax.images[0].get_array() == images[image].transpose(1, 2, 0)).all()
            assert ax.get_title() == names[image]
    assert not first[3].images
    assert not first[3].get_title()


def test_the_dot_has_its_colour_among_all_features():
    figure = atlas_figure(pictures(4), CODES, [1.0, np.nan, 0.0], [0, 2], per_feature=1)
    colours = [row[0].collections[0].get_facecolor()[0] for row in rows_of(figure, 1)]
    assert np.allclose(colours, plt.get_cmap("viridis")([0.0, 1.0]))


def test_six_pictures_fill_seven_inches():
    codes = np.ones((6, 1))
    assert atlas_figure(pictures(6), codes, [1.0], [0]).get_figwidth() == pytest.approx(7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": pictures(4)[:, 0]}, "uint8"),
        ({"images": pictures(4).transpose(0, 2, 3, 1)}, "uint8"),
        ({"images": pictures(4) / 255}, "uint8"),
        ({"images": pictures(3)}, "3 images for 4 rows"),
        ({"scores": SCORES[:2]}, "scores"),
        ({"chosen": []}, "no feature"),
        ({"scores": [np.nan, 0.0, 0.0]}, "finite score"),
        ({"labels": ["owl"]}, "1 labels for 4 images"),
        ({"per_feature": 5}, "from 1 to 4"),
    ],
)
def test_what_does_not_go_together_is_said(changes, words):
    given = {"images": pictures(4), "codes": CODES, "scores": SCORES, "chosen": [0]}
    with pytest.raises(ValueError, match=words):
        atlas_figure(**({"per_feature": 1} | given | changes))
