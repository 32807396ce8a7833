"""No pattern of the services goes back over what it has read.

Python's engine gives up what a repetition took, octet by octet, when what follows does not
match.  So a repetition without end is possessive, or nothing follows that could fail, or it
is on the list below with the reason why it costs nothing.  What is searched for again from
every start is another matter: `tests/fuzz/fuzz_cost.py` looks for that.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

PACKAGES: Final = (
    "emailopens_client",
    "injector_service",
    "mail_bridge",
    "pixel_service",
    "service_runtime",
)

# Going back over less than this is nothing.
MOST_REPEATS: Final = 300

# Alembic alone can import it.
NO_MODULE: Final = ".env"

OPERATOR: Final = "is matched with what the operator or our own code says, which is short"
ALLOWED: Final[Mapping[str, str]] = {
    "emailopens_client.targets._HOST": OPERATOR,
    "emailopens_client.targets._IPV6": OPERATOR,
    "injector_service.base_url._BASE_URL": "is matched with a text of at most 200 characters",
    "injector_service.rewriting.charset.text._NOT_ASCII": "goes back once, over a charset's name",
    "pixel_service.evidence.range_files._NAME": OPERATOR,
    "pixel_service.evidence.rule_file._NAME": OPERATOR,
    "service_runtime.environment._OF_KUBERNETES": OPERATOR,
}

PARSER: Final[Any] = importlib.import_module("re._parser")
CODES: Final[Any] = importlib.import_module("re._constants")


def greedy_repeats(pattern: Any, *, is_last: bool = True) -> Iterator[str]:  # noqa: ANN401 - untyped in Python
    """Yield the repetitions of a parsed *pattern* that may go back, as Python names them."""
    items = list(pattern)
    for index, (code, value) in enumerate(items):
        ends = is_last and index == len(items) - 1
        if code in (CODES.MAX_REPEAT, CODES.MIN_REPEAT):
            if value[1] > MOST_REPEATS and not ends:
                yield str(value)
            yield from greedy_repeats(value[2], is_last=False)
        elif code is CODES.POSSESSIVE_REPEAT:
            yield from greedy_repeats(value[2])
        elif code is CODES.SUBPATTERN:
            yield from greedy_repeats(value[3], is_last=ends)
        elif code is CODES.BRANCH:
            for branch in value[1]:
                yield from greedy_repeats(branch, is_last=ends)
        elif code is CODES.ATOMIC_GROUP:
            yield from greedy_repeats(value)
        elif code in (CODES.ASSERT, CODES.ASSERT_NOT):
            yield from greedy_repeats(value[1])


def may_go_back(pattern: re.Pattern[Any]) -> bool:
    """Say whether *pattern* has a repetition without end that is not possessive."""
    flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
    return any(greedy_repeats(PARSER.parse(pattern.pattern, flags)))


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns that modules of the services hold, also in tables, with their names."""
    for package in map(importlib.import_module, PACKAGES):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name.endswith(NO_MODULE):
                continue
            for name, value in vars(importlib.import_module(info.name)).items():
                held = value.values() if isinstance(value, dict) else (value,)
                for each in held:
                    if isinstance(each, re.Pattern):
                        yield f"{info.name}.{name}", each


def test_no_pattern_goes_back_over_what_it_has_read() -> None:
    """What a message or a request says costs a pattern one look."""
    found = {name for name, pattern in patterns() if may_go_back(pattern)}

    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(?:a+)+b", True),
        (r"\s*$", True),
        (r".*x", True),
        (rb"[^<]*?>", True),
        (r"(a*|b)c", True),
        (r"a{1,20}b", False),
        (r"a*+b", False),
        (r"(?>a*)b", False),
        (r"(?:[^()]++|x)*+\)", False),
        (r"b(?=a*)c", False),
        (r"ba*", False),
    ],
)
def test_repetitions_that_may_go_back_are_told_apart(
    pattern: str | bytes, *, expected: bool
) -> None:
    """The check means something: it sees nested and neighbouring repetitions, and branches."""
    assert may_go_back(re.compile(pattern)) is expected
