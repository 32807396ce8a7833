"""The README's commands do what it says, typed as they stand, beside a running pair."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from examples.pair import DEFAULT_PAIR, Pair

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")


def commands_after(words: str) -> str:
    """Return the first block of shell commands after *words*."""
    found = re.search(r"```sh\n(.*?)```", README[README.index(words) :], re.DOTALL)
    assert found is not None
    return found[1]


def typed(commands: str, pair: Pair, folder: Path) -> str:
    """Type *commands* in *folder*, where the examples are, and return what they print."""
    for default, actual in (
        (DEFAULT_PAIR.injector, pair.injector),
        (DEFAULT_PAIR.pixel, pair.pixel),
    ):
        commands = commands.replace(default, actual)
    (folder / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(  # noqa: S603 - our own text
        ["/bin/bash", "-O", "expand_aliases", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "EMAILOPENS_INJECTOR_TARGET": pair.injector,
            "EMAILOPENS_PIXEL_TARGET": pair.pixel,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_by_hand(pair: Pair, tmp_path: Path) -> None:
    """A configuration, a message rewritten, its pixel fetched, the open streamed."""
    commands = commands_after("By hand").replace("newsletter ", "by-hand ")
    commands = re.sub(r"create newsletter\n", "create by-hand\n", commands)
    # By hand one would stop it.
    printed = typed(commands.rstrip() + " --stop-at-head\n", pair, tmp_path)

    assert '"id": "by-hand"' in printed
    assert '"eventType": "Open"' in printed
    assert (tmp_path / "pixel.gif").read_bytes().startswith(b"GIF89a")


def test_calls_by_reflection(pair: Pair, tmp_path: Path) -> None:
    """Methods are listed, a configuration is created, the log is streamed to its end."""
    # Other tests may have created the configuration that the README does.
    commands = commands_after("Both services support gRPC reflection").replace(
        "shop", "by-reflection"
    )
    printed = typed(commands, pair, tmp_path)

    assert "emailopens.injector.v1.InjectorService/RewriteMessage" in printed
    assert '"id": "by-reflection"' in printed
    assert '"started"' in printed
