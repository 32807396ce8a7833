"""The last line against messages that cost more than their size: a budget of steps."""

import pytest

from injector_service.rewriting import (
    Instructions,
    MadePixel,
    Outcome,
    Pixel,
    rewrite_message,
)
from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.mime import HtmlPart, find_html_part, read_message_header

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
