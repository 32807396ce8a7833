"""The last line against messages that cost more than their size: a budget of steps."""

from typing import Any

import pytest

from injector_service.rewriting import (
    Instructions,
    MadePixel,
    Outcome,
    Pixel,
    rewrite_message,
)
from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.html.hidden import open_hidden_element
from injector_service.rewriting.html.spans import Spans
from injector_service.rewriting.mime import HtmlPart, find_html_part, read_message_header
from injector_service.rewriting.mime.multiparts import OpenMultiparts

RAW = (
    b"To: a@example.org\r\nX-Drop: x\r\nContent-Type: text/html\r\n\r\n"
    + b"<!-- a --><p>x</p>" * 100
)


def unmade(*_: object) -> None:
    pytest.fail("a pixel was made for a message that is not tracked")


def test_a_larger_message_may_take_more_steps() -> None:
    """The budget grows with the size, and begins with what any message may take."""
    small, large = Budget(1_000).left, Budget(1_000_000).left

    assert small > 1_000
    assert large - small == (1_000_000 - 1_000) // 50


def test_what_is_spent_is_gone() -> None:
    """The last step may be taken, and not one more."""
    budget = Budget.of_steps(10)
    budget.spend(7)
    budget.spend(3)

    assert budget.left == 0
    with pytest.raises(TooComplexError):
        budget.spend(1)


def test_message_that_takes_more_steps_is_too_complex_and_comes_back() -> None:
    """Whatever the reason: it is sent untracked, without the fields that are to be removed."""
    rewritten = rewrite_message(
        RAW,
        Instructions(
            make_pixel=unmade,  # type: ignore[arg-type] # never called
            is_own_token=lambda _token: False,
            fields_to_remove=("X-Drop",),
        ),
        budget=Budget.of_steps(100),
    )

    assert (rewritten.outcome, rewritten.failure) == (Outcome.TOO_COMPLEX, None)
    assert rewritten.message(RAW) == RAW.replace(b"X-Drop: x\r\n", b"")


def test_html_part_may_be_limited_by_itself() -> None:
    """What is decided on the event loop has so many octets at most, however few steps it takes."""
    instructions = Instructions(
        make_pixel=lambda _header, _most: MadePixel(Pixel(url="https://open.example.org/o/x.gif")),
        is_own_token=lambda _token: False,
    )
    octets = len(RAW) - RAW.index(b"\r\n\r\n") - 4
    enough, too_few = (
        rewrite_message(
            RAW, instructions, budget=Budget.of_steps(10_000, text_octets=octets - less)
        ).outcome
        for less in (0, 1)
    )

    assert (enough, too_few) == (Outcome.TRACKED, Outcome.TOO_COMPLEX)


def test_what_is_walked_over_is_paid_for() -> None:
    """The way to the HTML part is a part of what the event loop waits for."""
    attachment = b"Content-Type: text/plain\n\n" + b"x" * 1_000_000
    raw = (
        b"To: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + attachment
        + b"\n--b\nContent-Type: text/html\n\n<p>x\n--b--\n"
    )  # fmt: skip
    header = read_message_header(raw)
    assert header is not None
    budget = Budget.of_steps(1_000)

    assert isinstance(find_html_part(raw, header, budget), HtmlPart)
    assert 100 <= 1_000 - budget.left <= 300


class CountedSearch(bytes):
    """Octets that count how many of them are looked through from the end."""

    looked_through = 0

    def rfind(self, *arguments: Any) -> int:  # noqa: ANN401 - those of bytes
        found = super().rfind(*arguments)
        start, end = arguments[1:]
        self.looked_through += end - (start if found < 0 else found)
        return found


def looked_through(count: int) -> int:
    """Return how much is looked through for *count* hidden elements, one after another."""
    html = CountedSearch(b"<p hidden></p>" * count)
    assert open_hidden_element(html, len(html), Spans(), budget=Budget(1 << 30)) is None
    return html.looked_through


def test_what_is_before_hidden_elements_is_looked_through_once() -> None:
    """Four times as many elements have four times as much looked through, and not sixteen."""
    assert looked_through(4_000) < 5 * looked_through(1_000)


def test_hyphens_are_paid_for_as_what_is_searched() -> None:
    """The event loop gives up a part of hyphens before it has looked through megabytes."""
    multiparts = OpenMultiparts(b"-" * 5_000_000, Budget.of_steps(1_500))
    multiparts.enter(b"boundary", 0)

    with pytest.raises(TooComplexError):
        multiparts.next_delimiter(0)
