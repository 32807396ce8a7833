"""Charts: what they show, what they say, and what they must not hold."""

import re

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixel_service.page.charts import Bar, Column, Split, by_value, opened_range, over_time
from pixel_service.page.charts.axis import labelled, value_marks

HOSTILE = "<script>alert(1)</script>\"'&\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 10_000

SPLITS = st.builds(
    Split,
    person=st.integers(0, 10**9),
    machine=st.integers(0, 10**9),
    unknown=st.integers(0, 10**9),
)


def columns(*splits: Split) -> list[Column]:
    return [
        Column(name=f"{day} November 2026", label=f"{day} Nov", opens=split)
        for day, split in enumerate(splits, start=1)
    ]


def heights(markup: str) -> list[float]:
    """Return how high the parts of bars are, in the order in which they are drawn."""
    drawn = re.findall(r'<rect x="[\d.]+%" y="[\d.]+" width="[\d.]+%" height="([\d.]+)"', markup)
    return [float(height) for height in drawn]


@given(st.integers(0, 10**15), st.integers(1, 10))
def test_marks_reach_what_is_shown_and_are_few(highest: int, most: int) -> None:
    """An axis begins at nothing, ends at or above the highest value, and can be read."""
    marks = value_marks(highest, most=most)

    assert marks[0] == 0
    assert marks[-1] >= max(highest, 1)
    assert 2 <= len(marks) <= most + 1
    assert str(marks[1]).rstrip("0") in {"1", "2", "5"}


@given(st.integers(0, 2_000), st.integers(1, 20))
def test_labels_are_few_and_begin_with_the_first(length: int, most: int) -> None:
    """However many intervals there are, so many labels have room."""
    places = labelled(length, most=most)

    assert len(places) <= most
    assert list(places[:1]) == ([0] if length else [])


def test_parts_of_a_bar_are_as_high_as_they_are_many() -> None:
    """The highest bar fills its axis as far as it says, and its parts stand on each other."""
    markup = str(
        over_time(columns(Split(person=50, machine=25, unknown=25)), chart_id="c", title="Opens")
    )

    assert heights(markup) == [100.0, 50.0, 50.0]


def test_little_is_seen_beside_much() -> None:
    """One open among a million is no empty place."""
    markup = str(
        over_time(columns(Split(person=1_000_000), Split(unknown=1)), chart_id="c", title="Opens")
    )

    assert heights(markup) == [200.0, 1.0]


def test_chart_says_in_words_what_it_shows() -> None:
    """Whoever does not see it hears the sum, its parts and where the most was."""
    figure = over_time(
        columns(Split(person=2), Split(machine=5, unknown=1)), chart_id="c", title="Opens by day"
    )
    markup = str(figure)

    assert 'role="img"' in markup
    assert '<title id="c-title">Opens by day</title>' in markup
    assert "8 opens: persons 2, machines 5, unknown 1. The most, 6: 2 November 2026." in markup


@pytest.mark.parametrize("splits", [[], [Split()], [Split(person=1)]])
def test_table_beside_the_chart_has_a_row_for_each_interval(splits: list[Split]) -> None:
    """Also where there is nothing to draw."""
    markup = str(over_time(columns(*splits), chart_id="c", title="Opens"))

    assert markup.count('<th scope="row">') == len(splits)
    assert ("No opens." in markup) == (not any(split.total for split in splits))


def test_values_have_their_numbers_beside_their_bars() -> None:
    """A bar is for the eye alone: each number is in a cell of its own."""
    bars = [
        Bar(name="Apple Mail", opens=Split(person=10, unknown=2), link="/x?a=1&b=2", tracked=100),
        Bar(name="other", opens=Split(machine=3)),
    ]
    markup = str(by_value(bars, chart_id="c", title="By client", what="Client"))
    cells = re.findall(r'<td class="number">([^<]*)</td>', markup)

    assert cells == ["12", "10", "0", "2", "100", "3", "0", "3", "0", "\N{EN DASH}"]
    assert 'href="/x?a=1&amp;b=2"' in markup


def test_values_without_anything_tracked_have_no_column_for_it() -> None:
    """What is not known of any of them is not a row of dashes."""
    markup = str(
        by_value([Bar(name="x", opens=Split())], chart_id="c", title="By client", what="Client")
    )

    assert "Tracked" not in markup


@pytest.mark.parametrize(
    ("at_least", "at_most", "tracked", "text"),
    [
        (212, 318, 1_000, "212 to 318 of 1,000 messages"),
        (0, 0, 0, "0 to 0 messages"),
        (5, 9, 7, "5 to 9 of 7 messages"),
        (3, 2, 10, "3 to 3 of 10 messages"),
    ],
)
def test_messages_opened_are_a_range(at_least: int, at_most: int, tracked: int, text: str) -> None:
    """It says both ends, and of how many, also where fewer were tracked than are opened."""
    markup = str(opened_range(at_least, at_most, tracked, chart_id="c"))

    assert text in markup
    assert all(float(width) <= 100 for width in re.findall(r'width="([\d.]+)%"', markup)), (
        "nothing is drawn beyond the whole"
    )


@settings(max_examples=20)
@given(st.lists(SPLITS, max_size=10))
def test_nothing_of_a_chart_needs_an_inline_style_or_a_script(splits: list[Split]) -> None:
    """A strict Content-Security-Policy blocks neither, because there is neither."""
    markup = (
        str(over_time(columns(*splits), chart_id="a", title=HOSTILE))
        + str(by_value([Bar(name=HOSTILE, opens=Split())], chart_id="b", title="x", what=HOSTILE))
        + str(opened_range(1, 2, 3, chart_id="c"))
    )
    tree = html5lib.parse(markup, namespaceHTMLElements=False)
    elements = list(tree.iter())

    assert not [each for each in elements if each.tag in {"script", "style"}]
    assert not [name for each in elements for name in each.attrib if name.startswith("on")]
    assert not [each for each in elements if "style" in each.attrib]
