"""Messages on a page, of a real log behind a real service."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from pixel_service.open_log import OpenRecord
from pixel_service.page.views.messages import (
    erase_message,
    export_message,
    search_messages,
    show_message,
)
from pixel_service.page.visit import Visit
from service_runtime.callers import Role
from tests.page.markup import HOSTILE, parsed, text_of, what_runs
from tests.pixel.open_log.log_values import an_open_of
from tests.pixel.service_values import StreamService, a_log, streaming


def opens_of(message_id: str, subject: str, *, count: int = 1) -> list[OpenRecord]:
    return [
        an_open_of(message_id, destination=["jane@example.com"], subject=subject)
        for _ in range(count)
    ]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[StreamService]:
    async with a_log(tmp_path) as log, streaming(log) as running:
        yield running


@pytest.fixture
async def visit(service: StreamService) -> AsyncIterator[Visit]:
    async with grpc.aio.insecure_channel(service.address) as channel:
        yield Visit(channel=channel)


@pytest.mark.parametrize(
    ("by", "text"),
    [("subject", "spring"), ("recipient", "Jane@Example.com"), ("message_id", "m1")],
)
async def test_message_is_found_by_whatever_is_known_of_it(
    service: StreamService, visit: Visit, by: str, text: str
) -> None:
    """With the number of its opens, and a link to all about it."""
    await service.log.append(
        [*opens_of("m1", "=?utf-8?q?Spring=20sale?="), *opens_of("m1", "Spring sale")]
    )
    page = await search_messages(visit, {"by": by, "text": f" {text} "})
    links = [each.get("href") for each in parsed(page).iter("a")]

    assert "1 message found, 2 of 2 opens looked at." in text_of(page)
    assert links == ["/messages/m1"]


async def test_nothing_is_looked_for_before_somebody_asks(visit: Visit) -> None:
    """Nor by what there is no search for."""
    for form in ({}, {"by": "subject", "text": "  "}, {"by": "password", "text": ""}):
        page = await search_messages(visit, form)

        assert "found" not in text_of(page)


async def test_text_that_is_too_short_is_said_beside_the_form(visit: Visit) -> None:
    """Whoever looks for it adds a character."""
    page = await search_messages(visit, {"by": "subject", "text": "x"})

    assert "must have 2 to 200 characters" in text_of(page)
    assert list(parsed(page).iter("form"))


async def test_message_has_a_page_with_its_opens(service: StreamService, visit: Visit) -> None:
    """Whatever its subject is, nothing of it runs."""
    await service.log.append(opens_of("m1", HOSTILE, count=3))
    page = await show_message(visit, "m1")

    assert what_runs(page) == []
    assert "<script>alert(1)</script>" in text_of(page)
    assert len(list(parsed(page).iter("time"))) >= 3


async def test_message_that_nobody_opened_says_why_that_may_be(visit: Visit) -> None:
    """An anonymous one has no opens here either."""
    assert text_of(await show_message(visit, "m1")).startswith("No opens found")


async def test_export_has_every_open_in_a_line(service: StreamService, visit: Visit) -> None:
    """As the contract's canonical JSON has it, also what the page does not show."""
    await service.log.append([*opens_of("m1", HOSTILE, count=150), *opens_of("m2", "x")])
    exported = b"".join([part async for part in export_message(visit, "m1")])
    lines = [json.loads(line) for line in exported.splitlines()]

    assert [line["mail"]["messageId"] for line in lines] == ["m1"] * 150
    assert lines[0]["mail"]["commonHeaders"]["subject"] == HOSTILE


async def test_erasing_asks_and_then_erases(service: StreamService, visit: Visit) -> None:
    """Nothing goes without the answer, and nobody else's with it."""
    await service.log.append([*opens_of("m1", "x"), *opens_of("m2", "y")])

    asked = await erase_message(visit, "m1", {})
    assert "No opens found" not in text_of(await show_message(visit, "m1"))
    erased = await erase_message(visit, "m1", {"sure": "yes"})

    assert "Erase the opens of this message?" in text_of(asked)
    assert text_of(erased).startswith("Erased 1 open of message m1")
    assert "No opens found" in text_of(await show_message(visit, "m1"))
    assert "No opens found" not in text_of(await show_message(visit, "m2"))


@pytest.mark.parametrize(
    ("role", "may"), [(None, True), (Role.ADMIN, True), (Role.SUBSCRIBER, False)]
)
async def test_erasing_is_offered_to_whom_it_is_allowed(
    service: StreamService, visit: Visit, role: Role | None, *, may: bool
) -> None:
    """A button that would be refused is not there."""
    await service.log.append(opens_of("m1", "x"))
    page = await show_message(Visit(channel=visit.channel, role=role), "m1")

    assert ("Erase" in text_of(page)) == may


async def test_long_list_of_opens_is_gone_on_with(service: StreamService, visit: Visit) -> None:
    """A page shows so many, and the next those before."""
    await service.log.append(opens_of("m1", "x", count=150))
    first = await show_message(visit, "m1")
    (more,) = [
        each.get("href", "")
        for each in parsed(first).iter("a")
        if "before=" in each.get("href", "")
    ]
    second = await show_message(visit, "m1", before=more.partition("before=")[2])

    assert "Opens shown 100" in text_of(first)
    assert "Opens shown 50" in text_of(second)
    assert "Look at earlier ones" not in text_of(second)
