"""The feature map under a reader's hands: mouse, finger, keys, two on a page, and no script."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from offline import open_page, serve, settle
from playwright.sync_api import Browser, Locator, Page, expect
from toy_map import CLASSES, VALUES, toy_map

from strata.atlas.feature_map import MISSING, SHADES

pytestmark = pytest.mark.browser

MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<title>maps</title></head><body><main><article><p>Two maps.</p>{maps}</article></main></body>"""
LEFT = "marker => parseFloat(getComputedStyle(marker).left)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with two maps: one with everything, one with a single value."""
    folder = tmp_path_factory.mktemp("maps")
    bare = {"codes": None, "images": None, "labels": None, "by_rank": []}
    second = toy_map(values={"K": VALUES["K"]}, title="Bare", **bare)
    maps = toy_map().html() + second.html()
    (folder / "index.html").write_text(PAGE.format(maps=maps), encoding="utf-8")
    with serve(folder) as site:
        yield site


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, which must stay free of errors and requests whatever a test does to it."""
    with open_page(browser, address, has_touch=True) as (page, troubles):
        settle(page, f"{address}index.html")
        yield page
        assert troubles == []


def dot(root: Locator, number: int) -> Locator:
    return root.locator(f"circle[aria-label^='feature {number}:']")


def facts(root: Locator) -> list[str]:
    return root.locator(".facts .number").all_inner_texts()


def chosen(root: Locator) -> str:
    """Heading of the card; the one chosen dot, the ring and the card must agree."""
    name = root.locator(".panel .name").inner_text()
    selected = root.locator("[aria-selected=true]")
    expect(selected).to_have_count(1)
    expect(selected).to_have_attribute("tabindex", "0")
    expect(root.locator(".dot[tabindex='0']")).to_have_count(1)
    assert selected.get_attribute("aria-label").startswith(name.lower() + ":")
    for axis in ("cx", "cy"):
        place = root.locator(".ring").get_attribute(axis)
        assert float(place) == float(selected.get_attribute(axis))
    return name


@pytest.fixture
def first(page: Page) -> Locator:
    return page.locator(".strata-map").nth(0)


@pytest.fixture
def second(page: Page) -> Locator:
    return page.locator(".strata-map").nth(1)


def test_it_starts_at_the_lowest_value(first: Locator, second: Locator) -> None:
    assert chosen(first) == "Feature 11"
    assert facts(first) == ["0.1", "10"]
    assert chosen(second) == "Feature 11"
    assert facts(second) == ["0.1"]


def test_the_pointer_over_a_dot_shows_its_card(first: Locator) -> None:
    dot(first, 13).hover()
    assert chosen(first) == "Feature 13"
    assert first.locator(".facts .label").all_inner_texts() == list(VALUES)
    assert facts(first) == ["0.3", "1e+03"]
    names = first.locator(".classes .label").all_inner_texts()
    shares = first.locator(".classes .number").all_inner_texts()
    assert names[:2] == [CLASSES[3], CLASSES[0]]  # on images 3 to 8: bee twice, the others less
    assert shares == ["33 %", "17 %", "17 %", "33 %"]
    dot(first, 15).hover()
    assert facts(first) == ["0.2", "none"]
    expect(first.locator(".facts i").nth(1)).to_be_hidden()
    assert [text.strip() for text in first.locator(".classes .label").all_inner_texts()] == [""] * 4


def test_the_nearest_dot_is_meant_so_no_one_must_aim(first: Locator) -> None:
    box = first.locator("svg").bounding_box()
    first.locator("svg").hover(position={"x": 0.8 * box["width"], "y": 0.3 * box["height"]})
    assert chosen(first) == "Feature 15"


def test_the_marker_of_a_value_stands_at_its_place(first: Locator) -> None:
    for number, fraction in ((11, 0.0), (10, 0.5), (12, 1.0)):
        dot(first, number).hover()
        marker = first.locator(".facts i").nth(0)
        width = first.locator(".facts .track").nth(0).bounding_box()["width"]
        assert float(marker.evaluate(LEFT)) == pytest.approx(fraction * width, abs=0.5)


def colour_in_the_middle(page: Page, box: dict[str, float]) -> list[int]:
    """Colour of the first picture of the card, as the screen shows it."""
    spot = {"x": box["x"] + box["width"] / 6, "y": box["y"] + box["height"] / 4}
    picture = page.screenshot(clip={**spot, "width": 1, "height": 1})
    script = """async (bytes) => {
      const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
      const drawing = new OffscreenCanvas(1, 1).getContext("2d");
      drawing.drawImage(bitmap, 0, 0);
      return [...drawing.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }"""
    return page.evaluate(script, list(picture))


def test_the_pictures_are_those_of_the_feature(page: Page, first: Locator) -> None:
    for number in (10, 12, 14):
        dot(first, number).hover()
        image = number - 10  # the one with the largest code, all of one colour
        box = first.locator(".pictures").bounding_box()
        assert colour_in_the_middle(page, box) == [20 * image, 255 - 20 * image, 90]
    dot(first, 15).hover()
    assert colour_in_the_middle(page, first.locator(".pictures").bounding_box()) == [255] * 3


def test_keys_lead_from_low_to_high_and_stop_at_the_ends(page: Page, first: Locator) -> None:
    first.locator("select").focus()
    page.keyboard.press("Tab")
    expect(dot(first, 11)).to_be_focused()
    seen = []
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowLeft", "End",
                "ArrowRight", "Home"):  # fmt: skip
        page.keyboard.press(key)
        name = chosen(first)
        expect(dot(first, int(name.split()[1]))).to_be_focused()
        seen.append(int(name.split()[1]))
    assert seen == [15, 13, 15, 11, 11, 12, 12, 11]


def test_one_tab_leaves_the_drawing(page: Page, first: Locator, second: Locator) -> None:
    dot(first, 11).focus()
    page.keyboard.press("Tab")
    expect(second.locator("select")).to_be_focused()


def test_keys_of_the_browser_are_left_to_it(page: Page, first: Locator) -> None:
    dot(first, 11).focus()
    page.evaluate("addEventListener('keydown', (e) => { window.taken = e.defaultPrevented; })")
    for key, taken in (("Shift+x", False), ("Control+ArrowRight", False), ("ArrowRight", True)):
        page.keyboard.press(key)
        assert page.evaluate("window.taken") is taken
    assert chosen(first) == "Feature 15"


def test_another_value_colours_the_dots_and_the_bar(first: Locator) -> None:
    def look() -> tuple[list[str], list[str], str]:
        fills = [d.get_attribute("fill") for d in first.locator(".dot").all()]
        ticks = first.locator(".ticks span").all_inner_texts()
        return fills, ticks, first.locator(".scale").inner_text()

    start = look()
    assert start[0][1] == SHADES[0]
    assert start[0][2] == SHADES[-1]
    assert start[1:] == (["0.2", "0.4", "0.6", "0.8"], "K")
    first.locator("select").select_option("importance")
    steps = [SHADES[0], SHADES[16], SHADES[32], SHADES[47], SHADES[63], MISSING]
    words = "importance, from the lowest to the highest rank (gray: none)"
    assert look() == (steps, ["1", "10", "1e+02", "1e+03", "1e+04"], words)
    first.locator("select").select_option("K")
    assert look() == start


def test_keys_follow_the_value_that_is_shown_the_missing_last(page: Page, first: Locator) -> None:
    first.locator("select").select_option("importance")
    dot(first, 10).focus()
    seen = [chosen(first)]
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        seen.append(chosen(first))
    assert seen == [f"Feature {n}" for n in (10, 11, 12, 13, 14, 15, 15)]


def test_a_tap_shows_a_card(first: Locator) -> None:
    dot(first, 14).tap()
    assert chosen(first) == "Feature 14"
    expect(dot(first, 14)).to_be_focused()


def test_the_maps_do_not_know_each_other(page: Page, first: Locator, second: Locator) -> None:
    dot(second, 12).hover()
    assert (chosen(first), chosen(second)) == ("Feature 11", "Feature 12")
    dot(first, 14).focus()
    page.keyboard.press("Home")
    assert (chosen(first), chosen(second)) == ("Feature 11", "Feature 12")
    before = [d.get_attribute("fill") for d in second.locator(".dot").all()]
    first.locator("select").select_option("importance")
    assert [d.get_attribute("fill") for d in second.locator(".dot").all()] == before
    expect(second.locator(".scale")).to_have_text("K")
    expect(second.locator(".pictures")).to_have_count(0)


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_and_can_be_read(page: Page, first: Locator, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    first.locator("select").select_option("importance")
    seen = page.evaluate(MEASURE)
    for fault in ("overflow", "cut", "faint", "small", "badImages", "untitledDrawings"):
        assert seen[fault] == [], fault


def test_ticks_stay_apart_on_a_narrow_page(page: Page, first: Locator) -> None:
    page.set_viewport_size({"width": 400, "height": 900})
    for name in VALUES:
        first.locator("select").select_option(name)
        boxes = [tick.bounding_box() for tick in first.locator(".ticks span").all()]
        for left, right in pairwise(boxes):
            assert left["x"] + left["width"] + 2 < right["x"]


def test_without_scripts_the_drawing_with_its_numbers_remains(
    browser: Browser, address: str
) -> None:
    with open_page(browser, address, java_script_enabled=False) as (page, troubles):
        page.goto(f"{address}index.html")
        first = page.locator(".strata-map").first
        assert first.locator(".dot").count() == 6
        expect(first.locator(".dot").first).to_be_visible()
        titles = first.locator(".dot title").all_text_contents()
        assert titles[0] == "feature 10: K 0.5, importance 1"
        assert len(set(titles)) == 6
        expect(first.locator(".scale")).to_have_text("K")
        for useless in ("select", ".panel", ".note .live"):
            expect(first.locator(useless)).to_be_hidden()
        assert troubles == []
