"""What holds for every message, shown on generated ones."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.pixel import MadePixel, Pixel
from injector_service.rewriting.rewrite import rewrite_message
from injector_service.rewriting.rewritten import Instructions, Rewritten
from tests.mail.generated_messages import (
    HtmlMessage,
    html_messages,
    mutated_messages,
    untouchable_messages,
)
from tests.mail.golden_messages import PIXEL, is_own_token
from tests.mail.judge import Position, position
from tests.mail.line_ends import stray_line_end

MARKUP = PIXEL.markup().decode("ascii")
LONGEST_LINE = 998  # RFC 5322 section 2.1.1
LONGEST_QUOTED_PRINTABLE_LINE = 76  # RFC 2045 section 6.7


def rewrite(raw: bytes, *, pixel: Pixel = PIXEL, placement: Placement = Placement.END) -> Rewritten:
    instructions = Instructions(
        placement=placement,
        make_pixel=lambda _header, _most: MadePixel(pixel),
        is_own_token=is_own_token,
    )
    return rewrite_message(raw, instructions)


def lengths(octets: bytes) -> list[int]:
    """The lengths of all lines, without their ends."""
    return [len(line) for line in re.split(rb"\r?\n", octets)]


def new_body(message: HtmlMessage, rewritten: bytes) -> bytes:
    return rewritten[message.start : len(rewritten) - (len(message.raw) - message.end)]


@pytest.mark.guarantee(
    "G1", "What is not the pixel is not changed", "octet-identical outside the HTML part"
)
@given(html_messages(placeholders=True), st.sampled_from(Placement))
def test_octets_outside_the_html_part_stay(message: HtmlMessage, placement: Placement) -> None:
    """Everything before and after the HTML part's body is as it was, octet for octet."""
    out = rewrite(message.raw, placement=placement).message(message.raw)

    assert out[: message.start] == message.raw[: message.start]
    assert out[len(out) - (len(message.raw) - message.end) :] == message.raw[message.end :]


@pytest.mark.guarantee(
    "G1",
    "What is not the pixel is not changed",
    "inside it the decoded text without the pixel equals the original",
)
@given(html_messages(), st.sampled_from(Placement))
def test_html_without_the_pixel_is_the_original(message: HtmlMessage, placement: Placement) -> None:
    """Decoded, the HTML differs by the pixel, and a line break beside it where a line was full."""
    rewritten = rewrite(message.raw, placement=placement)
    text = message.text(new_body(message, rewritten.message(message.raw)))

    before = message.text(message.raw[message.start : message.end])
    left, _, right = text.partition(MARKUP)
    lefts = {left, re.sub(r"\r?\n\Z", "", left)}
    rights = {right, re.sub(r"\A\r?\n", "", right)}
    assert rewritten.outcome is Outcome.TRACKED
    assert before in {one + other for one in lefts for other in rights}


@given(html_messages(placeholders=True), st.sampled_from(Placement))
def test_pixel_is_an_element(message: HtmlMessage, placement: Placement) -> None:
    """A browser's parser makes exactly one image of the pixel, however broken the HTML is."""
    rewritten = rewrite(message.raw, placement=placement)
    text = message.text(new_body(message, rewritten.message(message.raw)))

    # Inside <noscript> or <select>, with no place outside, the parser here makes none.
    may_not_load = RewriteWarning.PIXEL_MAY_NOT_LOAD in rewritten.warnings
    assert may_not_load or position(text, PIXEL.url, "lexbor") not in {
        Position.ABSENT,
        Position.SEVERAL,
    }


@given(html_messages(placeholders=True), st.sampled_from(Placement))
def test_twice_is_once(message: HtmlMessage, placement: Placement) -> None:
    """A rewritten message is rewritten to itself, also after another pixel was in it."""
    once = rewrite(message.raw, placement=placement).message(message.raw)
    twice = rewrite(once, placement=placement).message(once)
    assert twice == once


@given(html_messages(), st.sampled_from(Placement))
def test_another_pixel_takes_the_place_of_the_first(
    message: HtmlMessage, placement: Placement
) -> None:
    """A message that carried a different pixel of ours ends up with one pixel, the new one."""
    other = Pixel(url="https://opens.example.com/a&lt=1&b='2'/o/own-first.gif")
    carrying = rewrite(message.raw, pixel=other, placement=placement).message(message.raw)
    first = message.text(new_body(message, carrying))
    text = message.text(new_body(message, rewrite(carrying, placement=placement).message(carrying)))

    assert first.count("/o/own-first.gif") == text.count(MARKUP) == 1
    assert "/o/own-first.gif" not in text


@given(html_messages())
def test_url_of_any_characters_arrives_as_it_is(message: HtmlMessage) -> None:
    """What a browser reads as the image's source is the URL, whatever must be escaped in it."""
    pixel = Pixel(url="https://opens.example.com/a&lt=1&amp;b='2'=3D/o/own-odd.gif")
    rewritten = rewrite(message.raw, pixel=pixel)
    text = message.text(new_body(message, rewritten.message(message.raw)))

    may_not_load = RewriteWarning.PIXEL_MAY_NOT_LOAD in rewritten.warnings
    assert may_not_load or position(text, pixel.url, "lexbor") is not Position.ABSENT


@given(html_messages(placeholders=True))
def test_splice_is_the_whole(message: HtmlMessage) -> None:
    """Doing by hand what the splice says gives the message."""
    raw = message.raw
    rewritten = rewrite(raw)

    splice = rewritten.splice
    assert splice is not None
    tail = raw[splice.offset + splice.delete_count :]
    assert raw[: splice.offset] + splice.insert + tail == rewritten.message(raw)


@given(html_messages(placeholders=True), st.sampled_from(Placement))
def test_lines_stay_within_their_limits(message: HtmlMessage, placement: Placement) -> None:
    """No line is over 998 octets, nor over 76 in quoted-printable, that was not so before."""
    out = rewrite(message.raw, placement=placement).message(message.raw)

    limit = LONGEST_LINE
    if message.encoding == "quoted-printable":
        limit = LONGEST_QUOTED_PRINTABLE_LINE
    before = sum(length > limit for length in lengths(message.raw))
    assert sum(length > limit for length in lengths(out)) <= before


@given(
    st.one_of(
        html_messages(placeholders=True).map(lambda message: message.raw), mutated_messages()
    ),
    st.sampled_from(Placement),
)
def test_no_line_end_is_left_alone(raw: bytes, placement: Placement) -> None:
    """No CR or LF stands alone in the output that did not in the input, damaged mail included."""
    assert stray_line_end(raw, rewrite(raw, placement=placement).message(raw)) is None


@given(html_messages(placeholders=True))
def test_seven_bits_stay_seven_bits(message: HtmlMessage) -> None:
    """A message of ASCII is one afterwards."""
    assert rewrite(message.raw).message(message.raw).isascii() == message.raw.isascii()


@given(untouchable_messages())
def test_mail_without_html_of_its_own_stays(raw: bytes) -> None:
    """Plain, attached, signed, encrypted and forwarded content comes back as the same object."""
    assert rewrite(raw).message(raw) is raw


@pytest.mark.guarantee("G2", "Every message comes back sendable, whatever it contains")
@given(st.binary(max_size=400))
@example(b"")
@example(b"Content-Type: text/html\n\n")
def test_octets_that_are_no_mail_do_no_harm(raw: bytes) -> None:
    """Whatever the octets are, nothing fails inside and something comes back."""
    assert rewrite(raw).failure is None


@pytest.mark.guarantee("G2", "Every message comes back sendable, whatever it contains")
@given(mutated_messages(), st.sampled_from(Placement))
def test_damaged_mail_does_no_harm(raw: bytes, placement: Placement) -> None:
    """Mail with damage anywhere is rewritten to itself at the second time, and nothing fails."""
    rewritten = rewrite(raw, placement=placement)
    out = rewritten.message(raw)

    assert rewritten.failure is None
    assert rewritten.outcome is Outcome.TRACKED or out is raw
    assert rewrite(out, placement=placement).message(out) == out
