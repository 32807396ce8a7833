"""Rewriting for a caller, from values: no network, a real database."""

from typing import Final

from structlog.testing import capture_logs

from injector_service.configurations import Configuration, Configurations
from injector_service.configurations.store import ConfigurationStore
from injector_service.injector import Injector
from injector_service.pixels import TokenSealer
from injector_service.rewrite_request import RewriteRequest
from injector_service.rewriting import Outcome
from service_runtime.key_ring import generate_key_ring

RAW: Final = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: between us\r\n"
    b"Content-Type: text/html\r\n\r\n<p>a word in confidence</p>\r\n"
)


async def test_fault_is_logged_with_its_frames_and_without_values(
    store: ConfigurationStore,
) -> None:
    """Of a fault of ours the log has file, line and function, and nothing of the message."""
    configurations = await Configurations.load(store)
    await configurations.create(Configuration(id="news", open_notifications_enabled=True))
    injector = Injector(
        configurations=configurations,
        sealer=TokenSealer(generate_key_ring()),
        pixel_base_url="https://open.example.org",
    )
    # What no check would let through, so that something fails.
    broken: tuple[str, ...] = ("bob@example.net", b"ann@example.org")  # type: ignore[assignment]

    with capture_logs() as logs:
        answer = await injector.rewrite(
            RewriteRequest(raw_message=RAW, configuration_ids=("news",), recipients=broken)
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
