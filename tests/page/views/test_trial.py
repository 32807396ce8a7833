"""A message is tested by a real injector service."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from injector_service.settings import Settings
from pixel_service.page.views.trial import MAX_MESSAGE_OCTETS, Trial, try_message
from pixel_service.page.views.trial_pages import Asked
from pixel_service.page.visit import Visit
from tests.injector.running_service import Service, running_service
from tests.page.markup import HOSTILE, parsed, text_of, what_runs

HTML = (
    b"From: news@example.com\r\nTo: jane@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p>"
    b"<script>alert(1)</script></body>\r\n"
)


@pytest.fixture
async def injector(tmp_path: Path) -> AsyncIterator[Service]:
    async with running_service(Settings(grpc="127.0.0.1:0", data=tmp_path)) as running:
        await running.create("news")
        yield running


@pytest.fixture
async def visit(injector: Service) -> AsyncIterator[Visit]:
    async with grpc.aio.insecure_channel(injector.address) as channel:
        yield Visit(channel=channel, injector=channel)


async def test_message_that_is_tracked_shows_its_pixel(visit: Visit) -> None:
    """In its HTML, which makes nothing on the page."""
    page = await try_message(visit, Trial(raw_message=HTML, asked=Asked(configuration_ids="news")))
    (mark,) = parsed(page).iter("mark")

    assert "It is tracked" in text_of(page)
    assert "No warnings." in text_of(page)
    assert "In part 1 of 1" in text_of(page)
    assert (mark.text or "").startswith("<img src=")
    assert what_runs(page) == []


async def test_message_that_is_not_tracked_says_why(visit: Visit) -> None:
    """And its text is there again, to be mended."""
    raw = HTML.replace(b"text/html", b"text/plain")
    asked = Asked(text=raw.decode(), configuration_ids="news")
    page = await try_message(visit, Trial(raw_message=raw, asked=asked))
    (area,) = parsed(page).iter("textarea")

    assert "It is not tracked: it has no HTML" in text_of(page)
    assert "Subject: Hello" in (area.text or "")
    assert not list(parsed(page).iter("mark"))


async def test_message_of_the_largest_size_is_tested(visit: Visit) -> None:
    """And a text that long is not shown again."""
    raw = HTML.replace(b"<p>", b"<p>" + b"x" * 100 + b" ") + b" " * (MAX_MESSAGE_OCTETS - 1_000)
    asked = Asked(text=raw.decode(), configuration_ids="news", recipient="joe@example.org")
    page = await try_message(visit, Trial(raw_message=raw, asked=asked))
    (area,) = parsed(page).iter("textarea")

    assert "Size 4 MB" in text_of(page)
    assert not area.text


@pytest.mark.parametrize("raw", [b"\x00\xff", HOSTILE.encode(), b"Content-Type: multipart/x;" * 99])
async def test_whatever_is_pasted_is_answered(visit: Visit, raw: bytes) -> None:
    """None of it runs, and none of it fails."""
    asked = Asked(text=raw.decode("latin-1"), configuration_ids="news")
    page = await try_message(visit, Trial(raw_message=raw, asked=asked))

    assert "It is not tracked" in text_of(page)
    assert what_runs(page) == []


async def test_what_can_be_mended_is_said_beside_what_was_pasted(visit: Visit) -> None:
    """A configuration that does not exist costs nobody their text."""
    asked = Asked(text="Subject: mine", configuration_ids="nosuch")
    page = await try_message(visit, Trial(raw_message=HTML, asked=asked))
    (area,) = parsed(page).iter("textarea")

    assert "There is no such thing" in text_of(page)
    assert area.text == "Subject: mine"


async def test_injector_that_does_not_answer_is_said_beside_what_was_pasted(visit: Visit) -> None:
    """Whoever looks has not been logged out by that, and learns no address."""
    asked = Asked(text="Subject: mine", configuration_ids="news")
    async with grpc.aio.insecure_channel("127.0.0.1:9") as nobody:
        page = await try_message(
            Visit(channel=visit.channel, injector=nobody), Trial(raw_message=HTML, asked=asked)
        )
    (area,) = parsed(page).iter("textarea")

    assert "does not answer" in text_of(page)
    assert "127.0.0.1" not in str(page)
    assert area.text == "Subject: mine"


async def test_nothing_is_tested_before_there_is_something(visit: Visit) -> None:
    """The form alone is there."""
    assert "tracked:" not in text_of(await try_message(visit, Trial()))


async def test_page_without_an_injector_says_how_to_name_one(visit: Visit) -> None:
    """There is no form that leads nowhere."""
    page = await try_message(Visit(channel=visit.channel), Trial(raw_message=HTML))

    assert "--injector HOST:PORT" in text_of(page)
    assert not list(parsed(page).iter("form"))
