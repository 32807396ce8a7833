"""What the pages look like that show statistics."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import htpy as h

from emailopens.pixel.v1 import statistics_service_pb2 as pb
from pixel_service.page.charts import Bar, Column, Split, by_value, opened_range, over_time
from pixel_service.page.quantities import NOTHING, count, duration, share
from pixel_service.page.spans import SPANS, StatisticsSpan
from pixel_service.page.texts import plain
from pixel_service.page.times import moment

CONFIGURATIONS: Final = "/configurations"

# Not below the other: an ID may be anything.
FIND_CONFIGURATION: Final = "/find-configuration"

# What a configuration is broken down by; the heading of its chart, and of its first column.
BREAKDOWNS: Final[Mapping[pb.Dimension.ValueType, tuple[str, str]]] = {
    pb.DIMENSION_CLIENT: ("By mail client", "Client"),
    pb.DIMENSION_MAILBOX_PROVIDER: ("By mailbox provider", "Provider"),
    pb.DIMENSION_TAG: ("By tag", "Tag"),
    pb.DIMENSION_AGENT: ("By likely agent", "Agent"),
}

# Of these the injector service knows how many messages were tracked.
_TRACKED: Final = frozenset(
    {pb.DIMENSION_CONFIGURATION, pb.DIMENSION_MAILBOX_PROVIDER, pb.DIMENSION_TAG}
)

_PREFIXES: Final = ("AGENT_", "CONFIDENCE_", "PRIVACY_LEVEL_")


def path_of(configuration_id: str, span: str) -> str:
    """Return where a configuration's page is."""
    return f"{CONFIGURATIONS}/{quote(configuration_id, safe='')}?span={span}"


def span_links(path: str, chosen: str) -> h.Element:
    """Return the spans to choose from."""
    return h.nav(".spans", aria_label="Span of time")[
        [
            h.a(href=f"{path}?span={name}", aria_current="true" if name == chosen else None)[
                span.name
            ]
            for name, span in SPANS.items()
        ]
    ]


def overview(response: pb.GetStatisticsResponse, name: str, span: StatisticsSpan) -> h.Node:
    """Return the statistics of all configurations, and those of each in a row.

    Args:
        response: by configuration, with intervals.
        name: the span's name in URLs.
        span: the span.
    """
    return [
        h.h1["Configurations"],
        span_links(CONFIGURATIONS, name),
        _state(response),
        over_time(_columns(response, span), chart_id="time", title=f"Opens in {span.name}, UTC"),
        _by(
            response,
            pb.DIMENSION_CONFIGURATION,
            "By configuration",
            "Configuration",
            link=lambda value: path_of(value, name),
        ),
        _find_form(name),
    ]


def _find_form(span: str) -> h.Element:
    return h.form(".search", method="get", action=FIND_CONFIGURATION)[
        h.label(for_="id")["Configuration ID"],
        h.input("#id", name="id", required=True, maxlength="128", autocomplete="off"),
        h.input(type="hidden", name="span", value=span),
        h.button(type="submit")["Show"],
    ]


def configuration_page(
    configuration_id: str,
    name: str,
    span: StatisticsSpan,
    over_span: pb.GetStatisticsResponse,
    broken_down: Mapping[pb.Dimension.ValueType, pb.GetStatisticsResponse],
) -> Iterator[h.Node]:
    """Yield the statistics of one configuration.

    Args:
        configuration_id: the configuration.
        name: the span's name in URLs.
        span: the span.
        over_span: in all, with intervals.
        broken_down: by each dimension.
    """
    total = over_span.total
    yield h.h1["Configuration ", h.code[plain(configuration_id)]]
    yield span_links(f"{CONFIGURATIONS}/{quote(configuration_id, safe='')}", name)
    yield _state(over_span)
    yield _numbers(total, has_tracked=over_span.HasField("tracked_until_time"))
    yield opened_range(
        total.messages_opened_at_least,
        total.messages_opened_at_most,
        total.messages_tracked,
        chart_id="range",
    )
    yield h.p(".muted")[
        "At least as many as a person opened, with medium confidence or more; at most as many as"
        " were fetched by anything but scanners and other programs. A fetch is not a reader."
    ]
    yield over_time(_columns(over_span, span), chart_id="time", title=f"Opens in {span.name}, UTC")
    for dimension, response in broken_down.items():
        title, what = BREAKDOWNS[dimension]
        yield _by(response, dimension, title, what)
    yield h.p(".muted")[
        f"Values of fewer than {count(over_span.min_group_size)} opens or messages are counted"
        " together with others."
    ]


def _state(response: pb.GetStatisticsResponse) -> h.Element:
    parts: list[h.Node] = []
    if response.HasField("counted_until_time"):
        parts += ["Counted up to ", moment(response.counted_until_time)]
    else:
        parts.append("Nothing is counted yet")
    if response.uncounted_opens:
        parts.append(f"; {count(response.uncounted_opens, 'open')} wait to be counted")
    if response.HasField("tracked_until_time"):
        time = response.tracked_until_time
        age = duration(dt.datetime.now(dt.UTC) - time.ToDatetime(dt.UTC))
        parts += [". Messages tracked were collected at ", moment(time), f", {age} ago"]
    else:
        parts.append(". How many messages were tracked is not known: no injector has said so")
    return h.p(".muted")[parts, "."]


def _numbers(total: pb.Counts, *, has_tracked: bool) -> h.Element:
    opens = Split.of(total)
    tracked = total.messages_tracked
    numbers = {
        "Messages tracked": count(tracked) if has_tracked else NOTHING,
        "Opens": count(total.opens),
        "By persons": f"{count(opens.person)} ({share(opens.person, opens.total)})",
        "Messages fetched once or more": count(total.first_opens),
        "Fetches beyond a message's budget": count(total.collapsed_opens),
    }
    if has_tracked:
        fetched = share(min(total.first_opens, tracked), tracked)
        numbers["Messages fetched, of those tracked"] = fetched
    return h.dl(".numbers")[[h.div[h.dt[name], h.dd[value]] for name, value in numbers.items()]]


def _columns(response: pb.GetStatisticsResponse, span: StatisticsSpan) -> Sequence[Column]:
    columns = []
    for each in response.intervals:
        start = each.start_time.ToDatetime(tzinfo=dt.UTC)
        columns.append(
            Column(name=span.name_of(start), label=span.label_of(start), opens=Split.of(each.total))
        )
    return columns


def _by(
    response: pb.GetStatisticsResponse,
    dimension: pb.Dimension.ValueType,
    title: str,
    what: str,
    link: Callable[[str], str] = lambda _: "",
) -> h.Element:
    if all(each.is_rest for each in response.values):
        nothing = "Too few of each to be told apart." if response.values else "Nothing."
        return h.section[h.h2(".chart-title")[title], h.p(".muted")[nothing]]
    is_tracked = dimension in _TRACKED and response.HasField("tracked_until_time")
    bars = [
        Bar(
            name=name_of(each),
            opens=Split.of(each.counts),
            tracked=each.counts.messages_tracked if is_tracked else None,
            link=link(each.value) if each.value else "",
        )
        for each in response.values
    ]
    return by_value(bars, chart_id=f"by-{dimension}", title=title, what=what)


def name_of(value: pb.ValueCounts) -> str:
    """Return what a value is called: names of the contract in words, and what has no name."""
    if value.is_rest:
        return "All others together"
    for prefix in _PREFIXES:
        if value.value.startswith(prefix):
            return value.value.removeprefix(prefix).replace("_", " ").capitalize()
    return plain(value.value) or "Not known"
