"""Leaves the browser's tests out of a plain run, which needs Python alone."""

from pathlib import Path

import pytest

from tests.fixtures.asked_for import ignored_unless_asked_for

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect what is here only if it is asked for by name."""
    return ignored_unless_asked_for(HERE, config)
