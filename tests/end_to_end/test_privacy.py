"""What a level of privacy discards is in no notification and in no file, end to end."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.injector.v1 import configuration_service_pb2 as configuration_pb
from emailopens.injector.v1 import configuration_service_pb2_grpc as configuration_pb_grpc
from emailopens.injector.v1 import injector_service_pb2 as injector_pb
from emailopens.injector.v1 import injector_service_pb2_grpc as injector_pb_grpc
from emailopens.notification.v1 import open_notification_pb2 as notification_pb
from emailopens.notification.v1 import privacy_level_pb2 as privacy_pb
from emailopens.pixel.v1 import pixel_service_pb2 as pixel_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pixel_pb_grpc
from examples.pair import Pair, pair_on_free_ports, running_pair
from tests.end_to_end.test_pair import fetch, read
from tests.fixtures.files import octets_below

LEVELS = {
    "full": privacy_pb.PRIVACY_LEVEL_FULL,
    "masked": privacy_pb.PRIVACY_LEVEL_MASKED,
    "pseudonymous": privacy_pb.PRIVACY_LEVEL_PSEUDONYMOUS,
    "anonymous": privacy_pb.PRIVACY_LEVEL_ANONYMOUS,
    "off": privacy_pb.PRIVACY_LEVEL_OFF,
}

# Each value stands nowhere else, so that finding it in a file means that it was written.
SUBJECT = "Subject-that-nobody-may-keep"
AGENT_PART = "Nightjar/73.1"
RECIPIENT = "recipient-zwg@example.org"
SENDER = "sender-hvx@example.com"
TAG = "tagvalue-qkp"

# Loopback has many addresses: this one is nowhere else.
ADDRESS = "127.42.7.9"
NETWORK = "127.42.7"

_NAMING = [AGENT_PART, SUBJECT, RECIPIENT, SENDER, NETWORK]
_EVERYTHING = [*_NAMING, TAG, "message-id-of-ours"]

# What must not be anywhere.
DISCARDED = {
    "full": [],
    "masked": [AGENT_PART, ADDRESS],
    "pseudonymous": _NAMING,
    "anonymous": _EVERYTHING,
    "off": _EVERYTHING,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def own_pair(data: Path) -> Iterator[Pair]:
    """Run a pair of the test's own, because every file that it writes is searched."""
    with pytest.MonkeyPatch.context() as environment, (data / "services.log").open("wb") as log:
        environment.setenv("EMAILOPENS_INJECTOR_LOG_LEVEL", "DEBUG")
        environment.setenv("EMAILOPENS_PIXEL_LOG_LEVEL", "DEBUG")
        with running_pair(pair_on_free_ports(), data=data, log=log) as addresses:
            yield addresses


@contextlib.contextmanager
def busy_log(data: Path) -> Iterator[None]:
    """Keep the pixel service from writing to its log inside the block."""
    with contextlib.closing(sqlite3.connect(data / "opens.db")) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


def message(mark: str = "") -> bytes:
    """Return a message whose subject, sender and recipient begin with *mark*."""
    return (
        f"From: {mark}{SENDER}\r\nTo: {mark}{RECIPIENT}\r\nSubject: {mark}{SUBJECT}\r\n"
        "Content-Type: text/html\r\n\r\n<body><p>Hello</p></body>\r\n"
    ).encode()


async def opened(pair: Pair, data: Path, level: str) -> list[notification_pb.OpenNotification]:
    """Create a configuration of *level*, rewrite, fetch twice, and return what is notified.

    While the first is fetched, the journal alone has it.
    """
    async with (
        grpc.aio.insecure_channel(pair.injector) as injector,
        grpc.aio.insecure_channel(pair.pixel) as pixel,
        aiohttp.ClientSession(
            headers={"User-Agent": f"Mozilla/5.0 {AGENT_PART}"},
            connector=aiohttp.TCPConnector(local_addr=(ADDRESS, 0)),
        ) as browser,
    ):
        await configuration_pb_grpc.ConfigurationServiceStub(injector).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id=level, open_notifications_enabled=True, privacy_level=LEVELS[level]
                )
            )
        )
        answer = await injector_pb_grpc.InjectorServiceStub(injector).RewriteMessage(
            injector_pb.RewriteMessageRequest(
                raw_message=message(),
                configuration_ids=[level],
                message_id=f"message-id-of-ours-{level}",
                tags={"season": TAG},
            )
        )
        if level == "off":
            assert answer.outcome == injector_pb.RewriteMessageResponse.OUTCOME_TRACKING_DISABLED
            assert answer.raw_message == message()
            return []
        with busy_log(data):
            await fetch(browser, answer.pixel_url)
            journal = octets_below(data / "journal")
        await fetch(browser, answer.pixel_url)
        notifications, _ = await read(
            pixel_pb_grpc.PixelServiceStub(pixel),
            pixel_pb.StreamOpensRequest(
                position=pixel_pb.POSITION_EARLIEST, configuration_ids=[level]
            ),
            2,
        )

    assert level.encode() in journal
    assert found_in(journal, level) == []
    assert SUBJECT.encode() in journal or level not in {"full", "masked"}
    token = answer.pixel_url.rpartition("/")[2].removesuffix(".gif")
    assert token.encode() not in octets_below(data)
    return notifications


def found_in(octets: bytes, level: str) -> list[str]:
    """Return the values in *octets* that *level* discards."""
    return [value for value in DISCARDED[level] if value.encode() in octets]


@pytest.mark.timeout(120)
async def test_what_a_level_discards_is_nowhere(own_pair: Pair, data: Path) -> None:
    """Neither a notification nor any file that the services wrote holds a discarded value."""
    # From the strictest level on: what a later one keeps is in the files from then on.
    for level in ("off", "anonymous", "pseudonymous", "masked"):
        notifications = await opened(own_pair, data, level)

        assert len(notifications) == (0 if level == "off" else 2)
        assert all(each.privacy_level == LEVELS[level] for each in notifications)
        assert found_in(str(notifications).encode(), level) == []
        assert found_in(octets_below(data), level) == []
    assert {each.open.ip_address for each in notifications} == {f"{NETWORK}.0"}

    # FULL keeps everything, and the search of files finds it: the above can fail.
    notifications = await opened(own_pair, data, "full")
    assert [each.open.evidence.open_number for each in notifications] == [1, 2]
    assert {each.open.ip_address for each in notifications} == {ADDRESS}
    assert {each.mail.common_headers.subject for each in notifications} == {SUBJECT}
    files = octets_below(data)
    assert all(value.encode() in files for value in (ADDRESS, AGENT_PART, SUBJECT, RECIPIENT, TAG))
    log = (data / "services.log").read_bytes()
    assert b"serving pixels" in log
    assert found_in(log, "anonymous") == []


async def test_anonymous_messages_of_a_day_share_one_pixel(own_pair: Pair) -> None:
    """Not even the URL tells them apart."""
    async with grpc.aio.insecure_channel(own_pair.injector) as injector:
        await configuration_pb_grpc.ConfigurationServiceStub(injector).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id="day", open_notifications_enabled=True
                )
            )
        )
        stub = injector_pb_grpc.InjectorServiceStub(injector)
        urls = {
            (
                await stub.RewriteMessage(
                    injector_pb.RewriteMessageRequest(
                        raw_message=message().replace(RECIPIENT.encode(), recipient),
                        configuration_ids=["day"],
                        privacy_level=privacy_pb.PRIVACY_LEVEL_ANONYMOUS,
                    )
                )
            ).pixel_url
            for recipient in (b"one@example.org", b"two@example.net")
        }

    assert all(urls)
    assert len(urls) == 1


async def test_statistics_alone_are_counted_and_not_notified(own_pair: Pair, data: Path) -> None:
    """An open of a configuration with statistics only is in the log's counts, not on streams."""
    async with (
        grpc.aio.insecure_channel(own_pair.injector) as injector,
        grpc.aio.insecure_channel(own_pair.pixel) as pixel,
        aiohttp.ClientSession() as browser,
    ):
        await configuration_pb_grpc.ConfigurationServiceStub(injector).CreateConfiguration(
            configuration_pb.CreateConfigurationRequest(
                configuration=configuration_pb.Configuration(
                    id="counted", open_statistics_enabled=True
                )
            )
        )
        answer = await injector_pb_grpc.InjectorServiceStub(injector).RewriteMessage(
            injector_pb.RewriteMessageRequest(
                raw_message=message("counted-"), configuration_ids=["counted"]
            )
        )
        async with browser.get(answer.pixel_url) as response:
            assert response.status == 200
        listed = await pixel_pb_grpc.PixelServiceStub(pixel).ListOpens(
            pixel_pb.ListOpensRequest(configuration_ids=["counted"])
        )
    program = Path(sys.executable).with_name("pixel-service")
    command = [str(program), "log", "counts", f"--target={own_pair.pixel}"]
    command += ["--configuration=counted", "--format=json"]
    lines: list[str] = []
    while not lines:  # the open is in the log a moment after its pixel was answered
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        lines = (await process.communicate())[0].decode().splitlines()
    (count,) = map(json.loads, lines)

    files = octets_below(data)
    assert list(listed.notifications) == []
    # Nothing but the count is kept, whatever the privacy level. The other tests' messages, some
    # of them kept in full, may be in these files, too: this one's words are its own.
    words = [f"counted-{each}" for each in (SUBJECT, RECIPIENT, SENDER)]
    assert [each for each in words if each.encode() in files] == []
    assert dt.date.fromisoformat(count.pop("day")) <= dt.datetime.now(dt.UTC).date()
    assert count == {
        "configurationId": "counted",
        "opens": 1,
        "firstOpens": 1,
        "collapsedOpens": 0,
        "opensByAgent": {"AGENT_OTHER_AUTOMATION": 1},
    }
