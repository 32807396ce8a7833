"""Whatever a file or a caller says is a key, or is refused as the documents have it."""

import contextlib
import json
from pathlib import Path
from typing import Final

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service_runtime.api_keys import ApiKeys, Unauthenticated
from service_runtime.api_keys.key_file import ApiKeysError, read_keys
from service_runtime.callers import Role
from tests.fixtures.api_keys import a_key

# Each is written to a file.
EXAMPLES: Final = 50

MEMBERS: Final = ("id", "role", "sha256", "configurations", "created", "expires")
GOOD: Final = {
    "id": "5f0c9a1b2e",
    "role": "sender",
    "sha256": "0" * 64,
    "configurations": ["crm"],
    "created": "2026-05-04T12:00:00+00:00",
    "expires": None,
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that its owner alone may read."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.touch(mode=0o600)
    return path


def assert_read_or_refused(file: Path, octets: bytes) -> None:
    file.write_bytes(octets)
    try:
        keys = read_keys(file)
    except ApiKeysError as error:
        said = str(error)
    else:
        said = ""
        assert all(key_id == key.id and key.role in Role for key_id, key in keys.items())
    assert "\n" not in said


@hypothesis.settings(max_examples=EXAMPLES)
@given(octets=st.binary() | st.text().map(str.encode))
def test_any_file_is_read_or_refused_in_a_line(file: Path, octets: bytes) -> None:
    """Octets of any kind raise nothing but the error that an operator sees."""
    assert_read_or_refused(file, octets)


@hypothesis.settings(max_examples=EXAMPLES)
@given(
    changes=st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=3),
    missing=st.sets(st.sampled_from(MEMBERS), max_size=1),
)
def test_any_line_of_json_is_read_or_refused_in_a_line(
    file: Path, changes: dict[str, object], missing: set[str]
) -> None:
    """Members of any value do, too."""
    line = {name: value for name, value in {**GOOD, **changes}.items() if name not in missing}

    assert_read_or_refused(file, json.dumps(line).encode())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> ApiKeys:
    """Return the keys of a service: one, which nobody here has."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    a_key(path, Role.ADMIN)
    return ApiKeys(path)


DIGITS: Final = st.text("0123456789abcdef", min_size=10, max_size=10)
SECRET: Final = st.text("azAZ09_-", min_size=43, max_size=43)
values = st.text() | st.builds("Bearer eo_{}_{}_{}".format, st.sampled_from(Role), DIGITS, SECRET)


@hypothesis.settings(max_examples=EXAMPLES)
@given(metadata=st.lists(st.tuples(st.sampled_from(["authorization", "x"]), values | st.binary())))
def test_any_metadata_without_a_key_are_refused(
    keys: ApiKeys, metadata: list[tuple[str, str | bytes]]
) -> None:
    """What a caller makes up is nobody's key, and no fault of the service either."""
    with contextlib.suppress(Unauthenticated):
        keys.caller_in(metadata)
        pytest.fail("somebody was known")
