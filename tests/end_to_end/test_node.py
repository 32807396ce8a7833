"""Clients in JavaScript and TypeScript work: nothing of the contract is for Python alone."""

import asyncio
import base64
import json
import os
import shutil
import sys
from pathlib import Path

import aiohttp
import pytest

from examples.pair import Pair
from examples.pixel_url import pixel_url_of

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests/end_to_end"

# The one condition under which a test is not run: the project does not need Node.js.
pytestmark = [
    pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js is not here"),
    pytest.mark.timeout(180),
]


async def run(*command: str, folder: Path) -> None:
    modules = folder / "node_modules/.bin"
    path = f"{modules}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, "PATH": path}
    )
    assert await process.wait() == 0


async def install(folder: Path, package: str) -> None:
    """Install what *folder* needs, unless it has *package* already."""
    if not (folder / "node_modules" / package).is_dir():
        npm = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent")
        await run(*npm, folder=folder)


async def rewrites_and_streams(
    *command: str, pair: Pair, configuration_id: str, browser: aiohttp.ClientSession
) -> None:
    """Assert that a client rewrites a message and receives its open."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *command,
        pair.injector,
        pair.pixel,
        configuration_id,
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
    # A parser that keeps the last piece of a message alone is among them: nothing may
    # come in pieces.
    assert (opened["ipAddress"], opened["openNumber"]) == ("127.0.0.1", 1)
    assert opened["rulesetVersion"]


async def test_node_client_rewrites_and_streams(
    pair: Pair, configuration_id: str, browser: aiohttp.ClientSession
) -> None:
    """Node.js loads the contract, rewrites a message and receives its open."""
    await install(HERE / "node", "@grpc/grpc-js")

    await rewrites_and_streams(
        str(HERE / "node/client.js"),
        str(ROOT / "protos"),
        pair=pair,
        configuration_id=configuration_id,
        browser=browser,
    )


async def test_generated_typescript_compiles_and_works(
    pair: Pair, configuration_id: str, browser: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The stubs, generated as documented, pass the strict compiler, and so does their user."""
    client = HERE / "typescript"
    await install(client, "ts-proto")
    for name in ("client.ts", "tsconfig.json", "package.json", "node_modules"):
        (tmp_path / name).symlink_to(client / name)
    template = ROOT / "examples/typescript/buf.gen.yaml"
    protos = str(ROOT / "protos")
    await run(
        *("buf", "generate", protos, "--include-imports", "--template", str(template)),
        folder=tmp_path,
    )
    await run("tsc", "--preserveSymlinks", folder=tmp_path)

    await rewrites_and_streams(
        str(tmp_path / "built/client.js"),
        pair=pair,
        configuration_id=configuration_id,
        browser=browser,
    )
