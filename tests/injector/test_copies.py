"""Each copy of a message is what rewriting the message for that recipient alone gives."""

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector_service.configurations import Configuration
from injector_service.pixels import CopyFacts, MailProvider, MessageFacts, PixelMaker, TokenSealer
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting import (
    Instructions,
    MakePixel,
    MessageCopies,
    Outcome,
    Placement,
    Rewritten,
    rewrite_message,
)
from service_runtime.key_ring import generate_key_ring
from tests.mail.generated_messages import HtmlMessage, html_messages, mutated_messages
from tests.mail.golden_messages import Golden, golden_messages, is_own_token

SEALER: Final = TokenSealer(generate_key_ring())
FIELD: Final = "X-Configuration-Id"
NAMED: Final = b"X-Configuration-Id: news\r\n"
FACTS: Final = MessageFacts(
    configurations=(
        Configuration(
            id="news", open_notifications_enabled=True, notified_headers=("Subject", "X-Campaign")
        ),
    ),
    acceptance_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
)

# So many that the length of a token, and so of what is put in, leaves every remainder that
# base64, its groups and its lines know.
ADDRESSES: Final = tuple("r" * number + "@example.org" for number in range(1, 9))

# Some of the real messages are enough for a test that makes a dozen copies of each, twice.
EVERY: Final = 10


def copies_of(addresses: Iterable[str]) -> Iterator[CopyFacts]:
    """Yield copies that differ in everything that copies can differ in."""
    tags = {"campaign": "may"}
    for number, address in enumerate(addresses):
        yield CopyFacts(f"copy-{number}", (address,), tags)
    yield CopyFacts("i" * 128, ("bob@example.net",), {"step": "2", "campaign": "x" * 100})
    for level in PrivacyLevel:
        if level is not PrivacyLevel.OFF:
            facts = CopyFacts(f"level-{level}", ("ann@example.net",), tags, level)
            yield from (facts, facts._replace(mail_provider=MailProvider.CISCO))


def maker() -> PixelMaker:
    return PixelMaker(FACTS, base_url="https://open.example.org", sealer=SEALER)


def instructions(
    make_pixel: MakePixel, recipients: tuple[str, ...], **options: object
) -> Instructions:
    return Instructions(
        make_pixel=make_pixel,
        is_own_token=lambda token: is_own_token(token) or SEALER.owns(token),
        recipients=recipients,
        fields_to_remove=(FIELD,),
        **options,  # type: ignore[arg-type] # by name
    )


def alone(raw: bytes, copy: CopyFacts, placement: Placement) -> Rewritten:
    """Return what becomes of the message for this recipient alone."""
    make_pixel = maker().of(copy)
    return rewrite_message(raw, instructions(make_pixel, copy.recipients, placement=placement))


def assert_each_is_as_alone(raw: bytes, placement: Placement) -> list[Rewritten]:
    copies = list(copies_of(ADDRESSES))
    shared = maker()
    makers = [shared.of(copy) for copy in copies]
    of_all = MessageCopies(raw, instructions(makers[0], copies[0].recipients, placement=placement))
    found = []
    for copy, make_pixel in zip(copies, makers, strict=True):
        rewritten = of_all.copy(make_pixel)
        expected = alone(raw, copy, placement)
        assert rewritten.in_one(raw) == expected
        assert rewritten.message(raw) == expected.message(raw)
        found.append(rewritten)
    return found


@pytest.mark.parametrize("golden", golden_messages(), ids=lambda golden: golden.name)
@pytest.mark.parametrize("placement", Placement)
def test_copies_of_golden_messages(golden: Golden, placement: Placement) -> None:
    """Octet by octet, in every transfer encoding and charset, also without the removed field."""
    raw = golden.path.read_bytes()

    assert_each_is_as_alone(raw, placement)
    if not raw.startswith(b"\xef\xbb\xbf"):
        assert_each_is_as_alone(NAMED + raw, placement)


@given(html_messages(placeholders=True), st.sampled_from(Placement))
def test_copies_of_generated_messages(message: HtmlMessage, placement: Placement) -> None:
    """The same with messages that nobody thought of."""
    assert_each_is_as_alone(message.raw, placement)


@given(mutated_messages())
def test_copies_of_broken_messages(raw: bytes) -> None:
    """The same with messages that are broken."""
    assert_each_is_as_alone(raw, Placement.END)


@pytest.mark.skipif(not os.environ.get("MAIL_CORPUS"), reason="needs a folder of real messages")
def test_copies_of_real_messages() -> None:
    """The same with real messages, some of them."""
    for path in sorted(Path(os.environ["MAIL_CORPUS"]).glob("*/*"))[::EVERY]:
        assert_each_is_as_alone(path.read_bytes(), Placement.END)


def test_copies_have_the_removal_in_common() -> None:
    """A field at the top and a pixel at the end are two small changes, and not one large one."""
    html = b"From: a@example.org\r\nContent-Type: text/html\r\n\r\n<p>" + b"word " * 10_000
    found = assert_each_is_as_alone(NAMED + html, Placement.END)

    for rewritten in found:
        assert rewritten.outcome is Outcome.TRACKED
        assert rewritten.removal is not None
        assert (rewritten.removal.offset, rewritten.removal.insert) == (0, b"")
        assert rewritten.splice is not None
        assert len(rewritten.splice.insert) < 3_000
