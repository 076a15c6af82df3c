"""The HTML of the map: sound, escaped, alone, small; and every mistake is named."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from toy_map import CLASSES, NUMBERS, PLACES, VALUES, pictures, toy_codes, toy_map

from strata.atlas import FeatureMap
from strata.atlas.feature_map import MISSING, SHADES

NASTY = "</script><b onclick='x(\"y\")'>&amp;<!--"


class Reader(HTMLParser):
    """Elements with their attributes and text; fails where tags are not closed in order."""

    VOID = ("input", "img", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[dict] = []
        self.elements: list[dict] = []
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attributes):
        self.elements.append({"tag": tag, "text": "", **dict(attributes)})

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        self.open[-1]["text"] += data

    def all(self, tag: str, **attributes: str) -> list[dict]:
        found = [e for e in self.elements if e["tag"] == tag]
        return [e for e in found if all(e.get(key) == v for key, v in attributes.items())]


def read(shown: FeatureMap) -> tuple[Reader, dict]:
    """The elements of a map, and what its script gets."""
    reader = Reader(shown.html())
    (data,) = reader.all("script", type="application/json")
    return reader, json.loads(data["text"])


def value_of(values: list[float], **options) -> dict:
    """One value of a map, as the script reads it."""
    places = np.full((len(values), 2), 0.5)
    return read(FeatureMap(places, {"v": np.array(values)}, **options))[1]["values"][0]


def test_each_feature_is_a_dot_in_its_place_with_its_numbers():
    dots = read(toy_map())[0].all("circle", role="option")
    assert [(float(d["cx"]), float(d["cy"])) for d in dots] == [
        (16, 384), (200, 384), (384, 384), (16, 16), (200, 16), (384, 16),
    ]  # fmt: skip
    titles = [e["text"] for e in read(toy_map())[0].all("title")]
    assert titles[0] == "feature 10: K 0.5, importance 1"
    assert titles[5] == "feature 15: K 0.2, importance none"


def test_dots_start_in_the_colours_of_the_first_value():
    dots = read(toy_map())[0].all("circle", role="option")
    assert [dots[1]["fill"], dots[0]["fill"], dots[2]["fill"]] == [
        SHADES[0],
        SHADES[32],
        SHADES[-1],
    ]
    first = {"importance": VALUES["importance"]}
    assert read(toy_map(values=first))[0].all("circle")[5]["fill"] == MISSING


def test_features_are_numbered_from_0_if_nothing_else_is_said():
    assert read(toy_map(numbers=None))[1]["numbers"] == list(range(6))
    assert read(toy_map(numbers=np.array(NUMBERS)))[1]["numbers"] == NUMBERS


def test_a_linear_value_lies_between_its_ends_with_round_ticks():
    value = value_of([0.0, 10.0, 5.0])
    assert value["fractions"] == [0.0, 1.0, 0.5]
    assert value["ticks"] == [[tick / 10, str(tick)] for tick in (0, 2, 4, 6, 8, 10)]


@pytest.mark.parametrize("scale", [1e-14, 1e-3, 1.0, 1e9])
def test_ticks_say_where_they_stand(scale):
    low, high = -0.7 * scale, 1.1 * scale
    value = value_of([low, high])
    assert "0" in [text for _, text in value["ticks"]]
    for place, text in value["ticks"]:
        assert float(text) == pytest.approx(low + place * (high - low), abs=1e-6 * scale)


def test_a_ranked_value_lies_at_its_rank_with_ticks_at_the_quartiles():
    value = value_of([1000.0, 1.0, 10.0, 100.0, 1e6], by_rank=["v"])
    assert value["fractions"] == [0.75, 0.0, 0.25, 0.5, 1.0]
    assert value["ticks"] == [[0, "1"], [0.25, "10"], [0.5, "1e+02"], [0.75, "1e+03"], [1, "1e+06"]]
    assert value["scale"] == "v, from the lowest to the highest rank"


def test_equal_values_share_a_rank():
    assert value_of([1.0, 1.0, 5.0], by_rank=["v"])["fractions"] == [0.25, 0.25, 1.0]


@pytest.mark.parametrize("by_rank", [[], ["v"]])
def test_what_is_not_finite_is_gray_and_moves_nothing(by_rank):
    value = value_of([np.nan, 1.0, np.inf, 3.0, -np.inf], by_rank=by_rank)
    assert value["fractions"] == [None, 0.0, None, 1.0, None]
    assert value["texts"] == ["none", "1", "none", "3", "none"]
    assert value["scale"].endswith("(gray: none)")


@pytest.mark.parametrize("by_rank", [[], ["v"]])
def test_a_value_that_does_not_vary_is_in_the_middle(by_rank):
    value = value_of([2.0, 2.0], by_rank=by_rank)
    assert value["fractions"] == [0.5, 0.5]
    assert value["ticks"] == [[0.5, "2"]]
    assert value_of([np.nan, np.nan], by_rank=by_rank)["ticks"] == []


def test_classes_are_shares_of_the_top_images_the_most_frequent_first():
    rows = read(toy_map())[1]["classes"]
    # Feature 10 is on images 0 to 5, of the classes owl, fox, elk, bee, cat, owl.
    assert rows[0] == [["owl", 2 / 6], ["fox", 1 / 6], ["elk", 1 / 6], ["2 more", 2 / 6]]
    assert rows[5] == []
    assert read(toy_map(counted=4))[1]["classes"][0][3] == ["bee", 1 / 4]
    assert read(toy_map(counted=1))[1]["classes"][1] == [["fox", 1.0]]


def test_without_pictures_or_classes_they_are_not_spoken_of():
    html = toy_map(codes=None, images=None, labels=None).html()
    assert "base64" not in html
    assert "largest codes" not in html
    assert "Classes" not in html


def test_words_are_escaped_wherever_they_stand():
    values = {NASTY: VALUES["K"]}
    reader, data = read(toy_map(title=NASTY, values=values, by_rank=[], classes=[NASTY] * 5))
    assert not reader.all("b")
    assert [e["tag"] for e in reader.elements].count("script") == 2
    assert reader.all("div", role="group")[0]["aria-label"] == NASTY
    assert reader.all("option")[0]["text"] == NASTY
    assert reader.all("title")[0]["text"] == f"feature 10: {NASTY} 0.5"
    assert data["values"][0]["name"] == NASTY
    assert data["classes"][0][0][0] == NASTY
    (text,) = re.findall(r'class="data">(.*?)</script>', toy_map(classes=[NASTY] * 5).html())
    assert "<" not in text


def test_it_asks_for_nothing():
    html = toy_map().html()
    assert not re.search(r"(https?:)?//\w", re.sub(r"base64,[\w+/=]*", "", html))
    reader = Reader(html)
    assert not any({"src", "href"} & set(element) for element in reader.elements)
    assert all(url.startswith("data:") for url in re.findall(r"url\((.*?)\)", html))
    assert not re.search(r"\b(fetch|import|XMLHttpRequest)\b", html)


def test_two_maps_on_a_page_share_no_id():
    reader = Reader(f"<main>{toy_map().html()}{toy_map().html()}</main>")
    assert not any({"id", "for", "name"} & set(element) for element in reader.elements)


def test_the_same_map_gives_the_same_text():
    assert toy_map().html() == toy_map().html()


def test_a_notebook_gets_the_html_and_a_few_words():
    shown = toy_map()._repr_mimebundle_()
    assert shown == {
        "text/plain": "map of 6 features, by K, importance",
        "text/html": toy_map().html(),
    }


def test_a_hundred_features_of_six_photographs_are_less_than_a_megabyte():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1000, 3, 32, 32), dtype=np.uint8)
    values = {name: rng.random(100) for name in ("K", "importance", "prevalence", "sparsity")}
    labels, names = rng.integers(0, 1000, 1000), [f"class number {i}" for i in range(1000)]
    html = FeatureMap(
        rng.random((100, 2)), values, codes=rng.random((1000, 100)), images=noise, labels=labels,
        classes=names,
    ).html()  # fmt: skip
    assert len(html.encode()) < 1_000_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"places": PLACES[:, 0]}, "shape"),
        ({"places": np.zeros((0, 2)), "values": {"K": np.zeros(0)}}, "shape"),
        ({"places": PLACES * 1.1}, "unit square"),
        ({"places": PLACES - 0.1}, "unit square"),
        ({"places": np.where(PLACES == 1, np.nan, PLACES)}, "unit square"),
        ({"values": {}}, "no value"),
        ({"values": {"K": np.zeros(5)}, "by_rank": []}, "K has the shape"),
        ({"by_rank": ["importanse"]}, "importanse"),
        ({"numbers": [1, 2]}, "2 numbers for 6"),
        ({"codes": None}, "need the codes"),
        ({"codes": None, "images": None}, "need the codes"),
        ({"codes": toy_codes()[:, :5]}, "codes have the shape"),
        ({"codes": toy_codes()[:0]}, "codes have the shape"),
        ({"images": pictures(11)}, "11 images for 12"),
        ({"images": pictures() / 255}, "uint8"),
        ({"images": pictures()[:, :1]}, "uint8"),
        ({"shown": 0}, "shown must be from 1 to 12"),
        ({"shown": 13}, "shown must be from 1 to 12"),
        ({"labels": np.zeros(11, int)}, "labels have the shape"),
        ({"labels": np.full(12, -1)}, "beyond the 5 classes"),
        ({"labels": np.full(12, len(CLASSES))}, "beyond the 5 classes"),
        ({"counted": 0}, "counted must be at least 1"),
    ],
)
def test_what_does_not_go_together_is_said_at_once(changes, words):
    with pytest.raises(ValueError, match=words):
        toy_map(**changes)
