"""Options of the test run."""

import os
import signal

import hypothesis
import pytest

_TABLES = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the golden messages become now; review the difference",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLES] = {}
    # Tests start databases, some of which fork; gRPC's handlers for that, meant for
    # children that go on with gRPC, can break the child instead.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # A shell that starts a run in the background has it ignore SIGINT, and programs that tests
    # start would ignore it, too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # The same examples every time, so that a check that was green stays green;
    # `make properties` looks for new ones (--hypothesis-profile=thorough).
    hypothesis.settings.register_profile(
        "default", deadline=None, derandomize=True, max_examples=200, database=None
    )
    hypothesis.settings.register_profile("thorough", deadline=None, max_examples=4_000)
    if hypothesis.settings.get_current_profile_name() != "thorough":
        hypothesis.settings.load_profile("default")


@pytest.fixture(scope="session")
def record_table(pytestconfig: pytest.Config) -> dict[str, list[str]]:
    """Lines, by title, that the summary of the run shows."""
    return pytestconfig.stash[_TABLES]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for title, lines in config.stash[_TABLES].items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)
