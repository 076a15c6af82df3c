"""What a book with an address has, and what each page says of itself."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from docutils.core import publish_doctree

from strata.pages.head import BOOK, LONGEST, describe, tags
from strata.pages.site import Site, address_pages, load_site

ADDRESS = "https://example.org/strata/"
FRONT = Path(__file__).parents[2] / "book" / "_front"


@pytest.fixture
def pages(tmp_path):
    for name in ("index", "book/é & ü", "search", "_modules/x", "404"):
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "404.html").write_text((FRONT / "404.html").read_text())
    return tmp_path


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "example.org/"},
        {"address": "https://example.org/strata"},
        {"repository": "https://example.org/owner/name"},
        {"repositry": "owner/name"},
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, wrong):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "site.yml").write_text("\n".join(f"{k}: {v}" for k, v in wrong.items()))
    with pytest.raises(ValueError, match=next(iter(wrong))):
        load_site(tmp_path)


def test_the_sitemap_has_the_pages_that_a_reader_would_search(pages):
    address_pages(pages, Site(address=ADDRESS))
    root = ElementTree.parse(pages / "sitemap.xml").getroot()
    found = [element.text for element in root.iter() if element.tag.endswith("loc")]
    assert found == [f"{ADDRESS}book/%C3%A9%20%26%20%C3%BC.html", f"{ADDRESS}index.html"]
    assert f"Sitemap: {ADDRESS}sitemap.xml" in (pages / "robots.txt").read_text()


def test_without_an_address_there_is_no_sitemap(pages):
    address_pages(pages, Site())
    assert not (pages / "sitemap.xml").exists()
    assert 'href="/book/intro.html"' in (pages / "404.html").read_text()


def test_the_page_for_lost_readers_links_below_the_address(pages):
    address_pages(pages, Site(address=ADDRESS))
    text = (pages / "404.html").read_text()
    assert 'href="/strata/book/intro.html"' in text
    assert text.count('href="') == text.count('href="/strata/')


def test_a_description_is_the_first_sentence_outside_of_boxes():
    page = "Title\n=====\n\n.. note:: A box of words.\n\n*What* is ``it``?\n\nMore words.\n"
    assert describe(publish_doctree(page)) == "What is it?"
    long = describe(publish_doctree("word " * 100))
    assert len(long) <= LONGEST
    assert long.endswith("word…")
    assert describe(publish_doctree("Title\n=====\n\na\n   A definition of a.\n")) == BOOK


def test_a_preview_has_a_picture_only_where_the_address_is_known():
    without = tags('A "title"', "Words & <more>", "Strata", "", "x.html")
    assert 'content="A &quot;title&quot;"' in without
    assert 'name="description" content="Words &amp; &lt;more&gt;"' in without
    assert "og:image" not in without
    whole = tags("A", "b", "Strata", ADDRESS, "book/x.html")
    assert f'property="og:image" content="{ADDRESS}_static/social.png"' in whole
    assert f'property="og:url" content="{ADDRESS}book/x.html"' in whole


def test_every_built_page_describes_itself(smoke_html):
    pages = [*smoke_html.glob("book/*.html"), *smoke_html.glob("notebooks/*.html")]
    texts = {page.name: page.read_text() for page in pages}
    for name, text in texts.items():
        assert text.count('<meta name="description" content="') == 1, name
        assert text.count('property="og:title"') == 1, name
    chapter = texts["ntk-depth.html"]
    assert 'property="og:title" content="The kernel of a network against its depth"' in chapter
    assert 'property="og:description" content="How many directions does a trained' in chapter
