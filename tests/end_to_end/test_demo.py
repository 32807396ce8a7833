"""`make demo` shows a newcomer what the services do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


# It lets a message lie for eleven seconds, as a person does.
@pytest.mark.timeout(120)
def test_demo_tells_a_person_from_a_proxy_and_a_scanner() -> None:
    """The message changes by its pixel; three fetches are judged; one notification is shown."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^  \+<img src=3D", done.stdout, re.MULTILINE)
    for who, agent, sure in (
        ("a mail filter", "SCANNER", "medium"),
        ("a person", "PERSON", "medium"),
        ("Gmail", "IMAGE_PROXY", "high"),
    ):
        assert re.search(rf"^  {who}.* {agent} +{sure} ", done.stdout, re.MULTILINE)
    assert '"eventType": "Open"' in done.stdout
