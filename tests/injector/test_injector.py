"""Rewriting for a caller, from values: no network, a real database."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from structlog.testing import capture_logs

from emailopens.token.v1 import pixel_token_pb2 as token_pb
from emailopens.token.v1.pixel_token_pb2 import PixelToken
from injector_service.configurations import Configuration, Configurations
from injector_service.configurations.store import ConfigurationStore
from injector_service.injector import Injector
from injector_service.new_ids import CopyIds
from injector_service.pixels import TokenSealer
from injector_service.privacy import PrivacyLevel
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriting import Outcome
from injector_service.rewriting_pool import rewriting_pool
from injector_service.tracking import TrackedCounter
from service_runtime.callers import ANYBODY
from service_runtime.key_ring import KeyRing, generate_key_ring

RAW: Final = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: between us\r\n"
    b"Content-Type: text/html\r\n\r\n<p>a word in confidence</p>\r\n"
)

# A start of a process takes the time of a thousand.
MANY: Final = 20


@contextlib.asynccontextmanager
async def an_injector(
    store: ConfigurationStore, *added: Configuration, ring: KeyRing | None = None
) -> AsyncIterator[Injector]:
    """Have an injector with the configuration `news`, and those that are *added*."""
    configurations = await Configurations.load(store)
    for each in (Configuration(id="news", open_notifications_enabled=True), *added):
        await configurations.create(each)
    key_ring = ring or generate_key_ring()
    async with rewriting_pool(key_ring) as pool:
        yield Injector(
            configurations=configurations,
            sealer=TokenSealer(key_ring),
            copy_ids=CopyIds(key_ring),
            pixel_base_url="https://open.example.org",
            pool=pool,
            tracked=TrackedCounter(),
        )


def opened(url: str, ring: KeyRing) -> PixelToken:
    """Return what the token in *url* says, by the words of its contract."""
    token = url.rpartition("/")[2].removesuffix(".gif")
    sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    associated = [b"emailopens.token.v1.pixel", sealed[:1]]
    return PixelToken.FromString(AESSIV(ring.active_key).decrypt(sealed[1:], associated))


@pytest.mark.parametrize(
    ("days", "sealed"), [((0,), 0), ((30,), 30), ((0, 90, 30), 30), ((0, 0), 0)]
)
async def test_fewest_days_of_the_configurations_are_sealed(
    store: ConfigurationStore, days: tuple[int, ...], sealed: int
) -> None:
    """Where one says for how long opens are recorded, all of the message are recorded so long."""
    added = [
        Configuration(id=f"c{index}", open_statistics_enabled=True, open_expiry_days=each)
        for index, each in enumerate(days)
    ]
    ring = generate_key_ring()
    ids = tuple(each.id for each in added)
    async with an_injector(store, *added, ring=ring) as injector:
        answer = await injector.rewrite(
            RewriteRequest(raw_message=RAW, configuration_ids=ids), caller=ANYBODY
        )

    assert answer.rewritten.pixel is not None
    assert opened(answer.rewritten.pixel.url, ring).open_expiry_days == sealed


@pytest.mark.parametrize(
    ("level", "provider"),
    [
        (PrivacyLevel.FULL, token_pb.MAIL_PROVIDER_CISCO),
        (PrivacyLevel.PSEUDONYMOUS, token_pb.MAIL_PROVIDER_CISCO),
        (PrivacyLevel.ANONYMOUS, token_pb.MAIL_PROVIDER_UNSPECIFIED),
    ],
)
async def test_who_takes_in_the_mail_is_sealed(
    store: ConfigurationStore, level: PrivacyLevel, provider: int
) -> None:
    """As one number, but not where all messages of a day share a pixel."""
    ring = generate_key_ring()
    request = RewriteRequest(
        raw_message=RAW,
        configuration_ids=("news",),
        privacy_level=level,
        recipient_mx=("mx1.example.org", "mx2.x.iphmx.com"),
    )
    async with an_injector(store, ring=ring) as injector:
        answer = await injector.rewrite(request, caller=ANYBODY)

    assert answer.rewritten.pixel is not None
    token = opened(answer.rewritten.pixel.url, ring)
    assert token.mail_provider == provider
    assert b"iphmx" not in token.SerializeToString()


async def test_fault_is_logged_with_its_frames_and_without_values(
    store: ConfigurationStore,
) -> None:
    """Of a fault of ours the log has file, line and function, and nothing of the message."""
    # What no check would let through, so that something fails.
    broken: tuple[str, ...] = ("bob@example.net", b"ann@example.org")  # type: ignore[assignment] # the fault

    async with an_injector(store) as injector:
        with capture_logs() as logs:
            answer = await injector.rewrite(
                RewriteRequest(raw_message=RAW, configuration_ids=("news",), recipients=broken),
                caller=ANYBODY,
            )

    assert answer.rewritten.outcome is Outcome.MALFORMED
    assert answer.rewritten.message(RAW) is RAW
    (event,) = (each for each in logs if each["event"] == "rewriting failed")
    assert event["failure"] == "TypeError"
    assert any(
        frame.startswith("injector_service/rewriting/recipients.py:") for frame in event["frames"]
    )
    for value in ("ann@example.org", "bob@example.net", "between us", "confidence"):
        assert value not in str(event)


@pytest.mark.parametrize(
    ("field", "html"),
    [
        ("", "<!-- -->" * 30_000),
        ("", "<p hidden></p>" * 15_000),
        ("", "{{openTracker}}" * 15_000),
        ("Cc: " + "a@example.org," * 3_900, ""),
        ("", "hidden " * 2_000_000),
    ],
    ids=["comments", "hidden elements", "placeholders", "addresses", "megabytes"],
)
async def test_no_caller_waits_for_the_expensive_message_of_another(
    store: ConfigurationStore, field: str, html: str
) -> None:
    """Messages that come later are answered, one after the other, while one is worked on."""
    hostile = RAW.replace(b"Subject", field.encode() + b"\r\nSubject" if field else b"Subject")
    ordinary, expensive = (
        RewriteRequest(raw_message=raw, configuration_ids=("news",))
        for raw in (RAW, hostile + html.encode())
    )

    answered = 0
    async with an_injector(store) as injector:
        pending = asyncio.create_task(injector.rewrite(expensive, caller=ANYBODY))
        # It begins now, and leaves the event loop to others before it is done.
        await asyncio.sleep(0)
        while not pending.done():
            answer = await injector.rewrite(ordinary, caller=ANYBODY)
            assert answer.rewritten.outcome is Outcome.TRACKED
            answered += 1
            await asyncio.sleep(0)
        await pending

    assert answered > MANY


async def test_message_that_is_too_complex_to_be_rewritten_twice_is_rewritten_elsewhere(
    store: ConfigurationStore,
) -> None:
    """What is not known in time here is asked of another process, and is not a refusal."""
    # What is taken out is looked for a second time; either time is quick, both are not.
    raw = RAW + b"{{openTracker}}" + b"<!-- -->" * 300
    async with an_injector(store) as injector:
        answer = await injector.rewrite(
            RewriteRequest(raw_message=raw, configuration_ids=("news",)), caller=ANYBODY
        )

    assert answer.rewritten.outcome is Outcome.TRACKED
