"""`make demo` shows a newcomer what the services do."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


# It lets a message lie for eleven seconds, as a person does.
@pytest.mark.timeout(120)
def test_demo_tells_a_person_from_a_proxy_and_a_scanner() -> None:
    """The message changes by its pixel; three fetches are judged; a browser shows them."""
    terminal, side = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        told = []
        for line in demo.stdout:
            told.append(line)
            if found := re.search(r"in a browser: (http://\S+)$", line):
                with urllib.request.urlopen(found[1], timeout=30) as response:  # noqa: S310 - http alone is found
                    page = response.read().decode()
                os.write(terminal, b"\n")
                break
        rest, errors = demo.communicate(timeout=60)
    os.close(terminal)
    os.close(side)
    output = "".join(told) + rest

    assert (demo.returncode, errors) == (0, "")
    assert "<main" in page
    assert re.search(r"^  \+<img src=3D", output, re.MULTILINE)
    for who, agent, sure in (
        ("a mail filter", "SCANNER", "medium"),
        ("a person", "PERSON", "medium"),
        ("Gmail", "IMAGE_PROXY", "high"),
    ):
        assert re.search(rf"^  {who}.* {agent} +{sure} ", output, re.MULTILINE)
    assert '"eventType": "Open"' in output
