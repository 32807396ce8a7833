"""The pages that show statistics."""

import datetime as dt
import re

import htpy as h
import pytest

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.page.spans import SPANS, span_of
from pixel_service.page.views.configuration_pages import (
    BREAKDOWNS,
    configuration_page,
    name_of,
    overview,
)
from tests.page.markup import HOSTILE, parsed, text_of, what_runs


def counts(person: int = 0, machine: int = 0, unknown: int = 0, tracked: int = 0) -> pb.Counts:
    total = person + machine + unknown
    return pb.Counts(
        messages_tracked=tracked,
        opens=total,
        first_opens=total,
        person_opens=person,
        machine_opens=machine,
        unknown_opens=unknown,
        messages_opened_at_least=person,
        messages_opened_at_most=person + unknown,
    )


def response(*names: str, has_tracked: bool = True) -> pb.GetStatisticsResponse:
    """Return what was counted on two days, by *names*."""
    made = pb.GetStatisticsResponse(total=counts(200, 50, 100, 1_000), min_group_size=10)
    for day in (26, 27):
        interval = made.intervals.add(total=counts(100, 25, 50))
        interval.start_time.FromDatetime(dt.datetime(2026, 11, day, tzinfo=dt.UTC))
    for name in names:
        made.values.add(value=name, counts=counts(10, 5, 1, 30))
    made.counted_until_time.FromDatetime(dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC))
    if has_tracked:
        made.tracked_until_time.FromDatetime(dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC))
    return made


def page(*names: str, has_tracked: bool = True) -> list[h.Node]:
    broken_down = {each: response(*names, has_tracked=has_tracked) for each in BREAKDOWNS}
    over_span = response(has_tracked=has_tracked)
    return list(configuration_page("c1", "month", SPANS["month"], over_span, broken_down))


def test_messages_opened_are_a_range_of_those_tracked() -> None:
    """No single number pretends to know who has looked."""
    text = text_of(*page())

    assert "200 to 300 of 1,000 messages (20.0 % to 30.0 %)" in text
    assert "Messages tracked 1,000" in text
    assert re.search(r"collected at 2026-11-27 09:00:00 UTC , \d.* ago", text)


def test_messages_tracked_that_nobody_reported_are_not_known() -> None:
    """Not zero, of which no share could be had."""
    text = text_of(*page("x", has_tracked=False))

    assert "Messages tracked \N{EN DASH}" in text
    assert "no injector has said so" in text
    assert "Tracked" not in text


def test_each_breakdown_has_a_table() -> None:
    """By client, provider, tag and agent, each with the numbers beside its bars."""
    document = parsed(*page("Apple Mail"))
    captions = [caption.text for caption in document.iter("figcaption")]

    assert {title for title, _ in BREAKDOWNS.values()} <= set(captions)
    assert len(list(document.iter("table"))) == len(BREAKDOWNS) + 1


def test_breakdown_that_tells_nothing_apart_says_so() -> None:
    """A single bar of all others would look like a value."""
    alone = response()
    alone.values.add(is_rest=True, counts=counts(4, 3))
    broken_down = dict.fromkeys(BREAKDOWNS, alone)
    shown = configuration_page("c1", "month", SPANS["month"], response(), broken_down)
    text = text_of(*shown)

    assert text.count("Too few of each to be told apart.") == len(BREAKDOWNS)
    assert "All others together" not in text


def test_two_hundred_configurations_are_a_row_each_and_lead_to_their_pages() -> None:
    """However many there are, and whatever they are called."""
    names = [f"c{number}" for number in range(199)] + ["a/b?c"]
    shown = overview(response(*names), "week", SPANS["week"])
    links = {each.get("href") for each in parsed(shown).iter("a")}

    assert "/configurations/c7?span=week" in links
    assert "/configurations/a%2Fb%3Fc?span=week" in links


def test_nothing_of_a_tag_or_an_id_runs() -> None:
    """They are whatever a sender has chosen."""
    broken_down = {each: response(HOSTILE) for each in BREAKDOWNS}
    nodes = [
        *configuration_page(HOSTILE, "month", SPANS["month"], response(), broken_down),
        overview(response(HOSTILE), "month", SPANS["month"]),
    ]

    assert what_runs(*nodes) == []


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (pb.ValueCounts(value="AGENT_PRIVACY_PREFETCH"), "Privacy prefetch"),
        (pb.ValueCounts(value="campaign=spring"), "campaign=spring"),
        (pb.ValueCounts(), "Not known"),
        (pb.ValueCounts(is_rest=True), "All others together"),
    ],
)
def test_value_has_a_name(value: pb.ValueCounts, name: str) -> None:
    """Also what is not known, and what is not told apart."""
    assert name_of(value) == name


@pytest.mark.parametrize(
    ("span", "name", "label"),
    [
        ("day", "7 Mar, 05:00", "05:00"),
        ("month", "7 Mar 2026", "7 Mar"),
        ("year", "March 2026", "Mar 2026"),
    ],
)
def test_interval_is_called_as_people_call_it(span: str, name: str, label: str) -> None:
    """In full in a table, and in few characters on an axis."""
    start = dt.datetime(2026, 3, 7, 5, tzinfo=dt.UTC)

    assert SPANS[span].name_of(start) == name
    assert SPANS[span].label_of(start) == label


def test_midnight_says_which_day_begins() -> None:
    """Between hours that only say how late it is."""
    midnight = dt.datetime(2026, 3, 7, tzinfo=dt.UTC)

    assert SPANS["day"].label_of(midnight) == "7 Mar"


def test_span_that_is_not_known_is_the_usual_one() -> None:
    """A URL that somebody changed is no error."""
    assert span_of("<script>") == span_of("month") == ("month", SPANS["month"])
