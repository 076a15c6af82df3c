"""A sample of pages has every kind of element that any page has, and the extreme pages."""

from __future__ import annotations

from sampling import Shown, sample

PLAIN = '<main><pre><span class="k">def</span> f(x)</pre></main>'


def pages(**changed: str) -> dict[str, str]:
    """Pages of one kind, but for those that are given; ``a`` is first and ``z`` is last."""
    return dict.fromkeys("abcdefxyz", PLAIN) | changed


def test_of_pages_that_are_alike_the_first_and_the_last_are_enough() -> None:
    assert sample(pages()) == ["a", "z"]
    assert sample({"only": PLAIN}) == ["only"]
    assert sample({}) == []


def test_a_page_with_something_of_its_own_is_in_it() -> None:
    for own in (
        PLAIN.replace('class="k"', 'class="mo"'),
        PLAIN.replace("span", "em"),
        PLAIN.replace("<span", "<a><br><span").replace("</span>", "</span></a>"),
        PLAIN.replace("<pre>", "<pre><img>"),
    ):
        assert sample(pages(e=own)) == ["a", "e", "z"]


def test_one_page_with_two_kinds_spares_two_with_one() -> None:
    one, two = '<i class="1"></i>', '<i class="2"></i>'
    found = sample(pages(b=PLAIN + one, c=PLAIN + two, d=PLAIN + one + two))
    assert found == ["a", "d", "z"]


def test_the_longest_name_line_word_and_page_are_in_it() -> None:
    line, word = PLAIN.replace("f(x)", "a b" * 20), PLAIN.replace("f(x)", "abc" * 10)
    found = sample(pages(b=line, c=word, d=PLAIN.replace("f(x)", "a b\n" * 50), name=PLAIN))
    assert found == ["a", "b", "c", "d", "name", "z"]


def test_what_scripts_hold_is_not_shown() -> None:
    page = Shown("<p>one two</p><script>a_long_word < 3</script><p>three\nfour</p>")
    assert page.text == "one twothree\nfour"
    assert (page.line, page.word) == (12, 8)
    assert page.kinds == {(("", ""), ("p", "")), (("", ""), ("script", ""))}
