"""Rewriting for a caller, from values: no network, a real database."""

import asyncio
import base64
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from structlog.testing import capture_logs

from emailopens.token.v1.pixel_token_pb2 import PixelToken
from injector_service.configurations import Configuration, Configurations
from injector_service.configurations.store import ConfigurationStore
from injector_service.injector import Injector
from injector_service.pixels import TokenSealer
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriting import Outcome
from service_runtime.callers import ANYBODY
from service_runtime.key_ring import KeyRing, generate_key_ring

RAW: Final = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: between us\r\n"
    b"Content-Type: text/html\r\n\r\n<p>a word in confidence</p>\r\n"
)


async def an_injector(store: ConfigurationStore) -> Injector:
    """Return an injector with the configuration `news`."""
    configurations = await Configurations.load(store)
    await configurations.create(Configuration(id="news", open_notifications_enabled=True))
    return Injector(
        configurations=configurations,
        sealer=TokenSealer(generate_key_ring()),
        pixel_base_url="https://open.example.org",
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
    configurations = await Configurations.load(store)
    for index, each in enumerate(days):
        await configurations.create(
            Configuration(id=f"c{index}", open_statistics_enabled=True, open_expiry_days=each)
        )
    ring = generate_key_ring()
    injector = Injector(
        configurations=configurations,
        sealer=TokenSealer(ring),
        pixel_base_url="https://open.example.org",
    )
    ids = tuple(f"c{index}" for index in range(len(days)))
    answer = await injector.rewrite(
        RewriteRequest(raw_message=RAW, configuration_ids=ids), caller=ANYBODY
    )

    assert answer.rewritten.pixel is not None
    assert opened(answer.rewritten.pixel.url, ring).open_expiry_days == sealed


async def test_fault_is_logged_with_its_frames_and_without_values(
    store: ConfigurationStore,
) -> None:
    """Of a fault of ours the log has file, line and function, and nothing of the message."""
    injector = await an_injector(store)
    # What no check would let through, so that something fails.
    broken: tuple[str, ...] = ("bob@example.net", b"ann@example.org")  # type: ignore[assignment] # the fault

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
    ],
    ids=["comments", "hidden elements", "placeholders", "addresses"],
)
async def test_no_caller_waits_for_the_expensive_message_of_another(
    store: ConfigurationStore, field: str, html: str
) -> None:
    """A message that comes later is answered while one that is small and expensive is worked on."""
    injector = await an_injector(store)
    hostile = RAW.replace(b"Subject", field.encode() + b"\r\nSubject" if field else b"Subject")
    ordinary, expensive = (
        RewriteRequest(raw_message=raw, configuration_ids=("news",))
        for raw in (RAW, hostile + html.encode())
    )

    pending = asyncio.create_task(injector.rewrite(expensive, caller=ANYBODY))
    # It begins now, and leaves the event loop to others before it is done.
    await asyncio.sleep(0)
    answer = await injector.rewrite(ordinary, caller=ANYBODY)

    assert not pending.done()
    assert answer.rewritten.outcome is Outcome.TRACKED
    await pending
