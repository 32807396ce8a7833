"""mailsplit (Node) as a peer: one process that rewrites in its own loop and times itself."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "mailsplit"


class Mailsplit:
    """A running Node process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def seconds(self, file: Path, *, url: str, times: int) -> float:
        """Rewrite the message in *file* so often, and return how long that took in all.

        Raises:
            RuntimeError: mailsplit failed, or lost the pixel.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"file": str(file), "url": url, "times": times}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer["failed"]:
            raise RuntimeError(f"mailsplit failed {answer['failed']} times on {file.name}")
        return float(answer["seconds"])


@contextlib.contextmanager
def mailsplit() -> Iterator[Mailsplit]:
    """Start the Node process, and end it with the block.

    Raises:
        FileNotFoundError: Node is not installed, or `make bench` has not installed the package.
    """
    if not (_FOLDER / "node_modules").is_dir():
        raise FileNotFoundError("mailsplit is not installed: run `make bench`")
    with subprocess.Popen(
        ["node", "rewrite.js"],  # noqa: S607 - node from the path, as `make bench` found it
        cwd=_FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Mailsplit(process)
        assert process.stdin is not None
        process.stdin.close()
