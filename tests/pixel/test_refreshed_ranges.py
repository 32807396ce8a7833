"""A running service judges by what its log process has fetched, without a restart."""

import asyncio
import re
from pathlib import Path

import pytest

from emailopens_client import LogEnd, OpenStream
from pixel_service.server import serve
from pixel_service.settings import Settings
from service_runtime.drain import Drain
from service_runtime.key_ring import format_key_ring
from tests.fixtures.in_process import running_in_process
from tests.fixtures.list_server import Answer, serving_lists
from tests.pixel.recording.test_outage import ask
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import FREE, RING, fetch

CATALOGUE = (
    '[[ranges]]\nname = "mail-scanners"\nlists = [{ url = "HOST/list", format = "lines" }]\n'
)
AGE = re.compile(r'^address_ranges_age_seconds{ranges="mail-scanners"} (\S+)$', re.MULTILINE)


@pytest.mark.parametrize("is_wanted", [True, False])
async def test_ranges_are_fetched_and_judged_by_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_wanted: bool
) -> None:
    """Nothing is fetched unless an operator wants it; then the next open shows it."""
    with serving_lists(tmp_path) as lists:
        monkeypatch.setenv("SSL_CERT_FILE", str(lists.certificate))
        lists.answers["/list"] = Answer("127.0.0.0/8\n")
        data = tmp_path / "data"
        (data / "ranges").mkdir(parents=True)
        (data / "ranges/ranges.toml").write_text(CATALOGUE.replace("HOST", lists.url))
        settings = Settings(
            http=FREE,
            grpc=FREE,
            admin=FREE,
            data=data,
            token_keys=format_key_ring(RING),
            refresh_ranges=is_wanted,
        )
        async with running_in_process(serve, settings, Drain()) as addresses:
            metrics = (await ask(addresses.admin, "metrics"))[1]
            # Built-in ranges are days old.
            while is_wanted and not (AGE.search(metrics) and float(AGE.findall(metrics)[0]) < 600):
                metrics = (await ask(addresses.admin, "metrics"))[1]
                await asyncio.sleep(0.05)
            await fetch(addresses.http, seal(a_token("m"), RING), **{"User-Agent": "x/1"})
            async with OpenStream(addresses.grpc, position=LogEnd.EARLIEST) as opens:
                found = await anext(aiter(opens))

    names = [signal.name for signal in found.open.evidence.signals]
    assert ("scanner-network" in names) == is_wanted
    assert lists.asked == ["/list"] * is_wanted
    refreshes = 'address_ranges_refreshes_total{outcome="updated",ranges="mail-scanners"} 1.0'
    assert (refreshes in metrics) == is_wanted
