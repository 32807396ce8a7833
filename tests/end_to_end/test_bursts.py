"""Repeated fetches are told apart, and told to belong together."""

# The stubs for asyncio are known to the type checker only.
from __future__ import annotations

from pathlib import Path

import aiohttp
import grpc
import pytest

from emailopens.notification.v1 import privacy_level_pb2 as privacy_pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from examples.pair import Pair, pixel_options, running_service
from service_runtime.key_ring import generate_key_ring, write_key_ring
from tests.end_to_end.listing import listed
from tests.pixel.service_values import a_token, seal

# Who fetches, one after another: twice one address, another one, the first again.
ADDRESSES = ("192.0.2.1", "192.0.2.1", "198.51.100.7", "192.0.2.1")


@pytest.mark.parametrize(
    ("window", "level", "bursts"),
    [
        ("600", privacy_pb.PRIVACY_LEVEL_FULL, [1, 1, 2, 1]),
        # Told by addresses that are not kept.
        ("600", privacy_pb.PRIVACY_LEVEL_PSEUDONYMOUS, [1, 1, 2, 1]),
        ("0", privacy_pb.PRIVACY_LEVEL_FULL, [1, 2, 3, 4]),
        ("600", privacy_pb.PRIVACY_LEVEL_ANONYMOUS, [0, 0, 0, 0]),
    ],
)
async def test_every_fetch_is_an_open_and_those_of_one_address_within_the_window_are_one_burst(
    window: str,
    level: privacy_pb.PrivacyLevel.ValueType,
    bursts: list[int],
    ports: Pair,
    tmp_path: Path,
) -> None:
    """Nothing is folded; the window is a setting; anonymous messages have no bursts."""
    ring = generate_key_ring()
    write_key_ring(tmp_path / "token_keys", ring)
    token = a_token()
    token.privacy_level = level
    options = [
        *pixel_options(ports, tmp_path),
        "--trusted-proxies=127.0.0.0/8",
        f"--burst-window={window}",
    ]
    with running_service("pixel-service", options, ready_at=ports.pixel):
        async with aiohttp.ClientSession() as proxy:
            for address in ADDRESSES:
                async with proxy.get(
                    f"http://{ports.pixel_http}/o/{seal(token, ring)}.gif",
                    headers={"X-Forwarded-For": address},
                ) as response:
                    assert response.status == 200
        async with grpc.aio.insecure_channel(ports.pixel) as channel:
            found = await listed(pb_grpc.PixelServiceStub(channel), len(ADDRESSES))
    opens = [each.open for each in found.notifications]
    numbers = [0] * 4 if level == privacy_pb.PRIVACY_LEVEL_ANONYMOUS else [1, 2, 3, 4]

    assert [each.burst for each in opens] == bursts
    assert [each.evidence.open_number for each in opens] == numbers
    assert [each.evidence.first_open for each in opens] == [number == 1 for number in numbers]
