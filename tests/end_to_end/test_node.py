"""A client in another language, from the same contract."""

import asyncio
import base64
import json
import shutil
from pathlib import Path

import aiohttp
import pytest

from examples.pair import Pair
from examples.pixel_url import pixel_url_of

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "tests/end_to_end/node"

# The one condition under which a test is not run: the project does not need Node.js.
pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not here")


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, cwd=CLIENT)
    assert await process.wait() == 0


@pytest.mark.timeout(180)
async def test_node_client_rewrites_and_streams(
    pair: Pair, configuration_id: str, browser: aiohttp.ClientSession
) -> None:
    """Node.js loads the contract, rewrites a message and receives its open."""
    if not (CLIENT / "node_modules/@grpc/grpc-js").is_dir():
        await run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent")
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.js",
        str(ROOT / "protos"),
        pair.injector,
        pair.pixel,
        configuration_id,
        cwd=CLIENT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write((ROOT / "examples/newsletter.eml").read_bytes())
    process.stdin.close()
    rewritten = json.loads(await process.stdout.readline())
    url = pixel_url_of(base64.b64decode(rewritten["rawMessage"]))
    async with browser.get(url) as response:
        assert response.status == 200
    opened = json.loads(await process.stdout.readline())

    assert await process.wait() == 0
    assert rewritten["outcome"] == "OUTCOME_TRACKED"
    assert opened["messageId"] == rewritten["messageId"]
    assert opened["eventId"].endswith(":0")
    # Its parser keeps the last piece of a message alone: nothing may come in pieces.
    assert (opened["ipAddress"], opened["openNumber"]) == ("127.0.0.1", 1)
    assert opened["rulesetVersion"]
