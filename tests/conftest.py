"""Options of the test run."""

from pathlib import Path

import pytest

BROWSER_TESTS = Path(__file__).parent / "browser"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the golden messages become now; review the difference",
    )
    parser.addoption("--browser", action="store_true", help="run the tests that need a browser")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the browser's tests out unless asked for: a plain run needs Python alone."""
    is_left_out = collection_path == BROWSER_TESTS and not config.getoption("browser")
    return True if is_left_out else None
