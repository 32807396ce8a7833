"""The file of API keys: text, a key a line, each a JSON object.

    {"id": "5f0c9a1b2e", "role": "sender", "sha256": "…", "configurations": ["crm"],
     "created": "2026-05-04T12:00:00+00:00", "expires": null}

Blank lines and lines that start with `#` do not count.  Both services may share the file;
they read it again when it has changed, and never write it.  Nothing in it lets anybody call.
"""

import binascii
import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from service_runtime.api_keys.key import ApiKey
from service_runtime.callers import LIMITED_ROLES, Role
from service_runtime.field_checks import ID_PATTERN
from service_runtime.file_lock import file_lock
from service_runtime.private_files import (
    PrivateFileError,
    read_private_file,
    write_private_file,
)

# Its name in a data folder that both services share.
API_KEYS_FILE: Final = "api_keys"

# 4,000 keys of some configurations each; more needs a service of its own.
MAX_FILE_OCTETS: Final = 1024 * 1024

# As many as a request may name.
MAX_CONFIGURATIONS: Final = 100

_DIGEST_OCTETS: Final = 32

# How long a change by somebody else may take: they write one small file.
_LOCK_SECONDS: Final = 5.0
_LOCK_POLL_SECONDS: Final = 0.05


class ApiKeysError(Exception):
    """The file of API keys cannot be used.  The text says why, in one line, without a secret."""


def read_keys(path: Path) -> Mapping[str, ApiKey]:
    """Return the keys in *path* by their ID.

    Raises:
        ApiKeysError: it is missing, open to others, too large, or a line is not a key.
    """
    try:
        text = read_private_file(path, max_octets=MAX_FILE_OCTETS).decode()
    except PrivateFileError as error:
        raise ApiKeysError(str(error)) from error
    except UnicodeDecodeError:
        raise ApiKeysError(f"{path}: not text") from None
    keys: dict[str, ApiKey] = {}
    # Not `splitlines`, for which some characters inside of JSON end a line, too.
    for number, line in enumerate(text.split("\n"), start=1):
        if not _is_key(line):
            continue
        try:
            key = _parse(line)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ApiKeysError(f"{path}: line {number} is not a key: {_why(error)}") from None
        if key.id in keys:
            raise ApiKeysError(f"{path}: line {number}: key {key.id} is listed twice")
        keys[key.id] = key
    return keys


def _is_key(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _why(error: Exception) -> str:
    """Return what is wrong with a line, without quoting it."""
    match error:
        case KeyError():
            return f"it has no {error}"
        case json.JSONDecodeError() | RecursionError():
            return "no JSON"
        case _:
            return str(error)


def _parse(line: str) -> ApiKey:
    values = json.loads(line)
    if not isinstance(values, dict):
        raise TypeError("no JSON object")
    key = ApiKey(
        id=_text(values, "id"),
        role=_role(_text(values, "role")),
        digest=_digest(_text(values, "sha256")),
        configuration_ids=_configuration_ids(values.get("configurations", [])),
        create_time=_time(_text(values, "created"), "created"),
        expire_time=None
        if values.get("expires") is None
        else _time(_text(values, "expires"), "expires"),
    )
    # What this version does not know might limit the key.
    unknown = values.keys() - {"id", "role", "sha256", "configurations", "created", "expires"}
    if unknown:
        raise ValueError("it has members that this version does not know")
    if ID_PATTERN.fullmatch(key.id) is None:
        raise ValueError(f"its ID does not match {ID_PATTERN.pattern}")
    check_limits(key.role, key.configuration_ids)
    return key


def check_limits(role: Role, configuration_ids: frozenset[str]) -> None:
    """See that a key of *role* may be limited to *configuration_ids*.

    Raises:
        ValueError: it may not.
    """
    if configuration_ids and role not in LIMITED_ROLES:
        raise ValueError(f"{role} is not a role that configurations limit")
    if len(configuration_ids) > MAX_CONFIGURATIONS:
        raise ValueError(f"it has more than {MAX_CONFIGURATIONS} configurations")
    for each in configuration_ids:
        if ID_PATTERN.fullmatch(each) is None:
            raise ValueError(f"a configuration's ID does not match {ID_PATTERN.pattern}")


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise ValueError(f"its role is none of {', '.join(Role)}") from None


def _digest(text: str) -> bytes:
    try:
        digest = binascii.unhexlify(text)
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_OCTETS:
        raise ValueError(f"sha256 is not {_DIGEST_OCTETS} octets in hexadecimal")
    return digest


def _time(text: str, name: str) -> dt.datetime:
    try:
        time_ = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} is no time") from None
    if time_.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    return time_


def _configuration_ids(values: object) -> frozenset[str]:
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise TypeError("configurations is no list of IDs")
    return frozenset(values)


def add_key(path: Path, key: ApiKey) -> None:
    """Add a line for *key* to the file *path*, which begins with it if it is missing.

    Raises:
        ApiKeysError: the file cannot be used or written; nothing has changed.
    """
    with _changing(path) as lines:
        lines.append(_format(key))


def remove_key(path: Path, key_id: str) -> None:
    """Remove the line of a key from the file *path*.

    Raises:
        ApiKeysError: it has no such key, or cannot be used or written; nothing has changed.
    """
    with _changing(path) as lines:
        kept = [line for line in lines if not _is_key(line) or _parse(line).id != key_id]
        if len(kept) == len(lines):
            raise ApiKeysError(f"{path}: there is no key {key_id}")
        lines[:] = kept


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[str]]:
    """Lend the lines of *path* to be changed; write them when the block has ended well."""
    # What a link points to is replaced, and not the link.
    path = path.resolve()
    try:
        with change_lock(path):
            lines = []
            if path.exists():
                read_keys(path)
                lines = path.read_text().rstrip("\n").split("\n")
            yield lines
            octets = "".join(f"{line}\n" for line in lines).encode()
            if len(octets) > MAX_FILE_OCTETS:
                raise ApiKeysError(f"{path}: no room for another key; revoke some")
            write_private_file(path, octets)
    except OSError as error:
        raise ApiKeysError(f"{path}: {error.strerror}") from error


def _format(key: ApiKey) -> str:
    return json.dumps(
        {
            "id": key.id,
            "role": key.role,
            "sha256": key.digest.hex(),
            "configurations": sorted(key.configuration_ids),
            "created": key.create_time.isoformat(timespec="seconds"),
            "expires": key.expire_time and key.expire_time.isoformat(timespec="seconds"),
        }
    )


@contextlib.contextmanager
def change_lock(path: Path) -> Iterator[None]:
    """Be the process that changes *path*, or what is noted beside it, for the time of the block.

    A file of its own is locked, because *path* is replaced.

    Raises:
        OSError: it cannot be made, or somebody else has it for too long.
    """
    ends = time.monotonic() + _LOCK_SECONDS
    while time.monotonic() < ends:
        with file_lock(path.with_name(f".{path.name}.lock")) as is_ours:
            if is_ours:
                yield
                return
        time.sleep(_LOCK_POLL_SECONDS)
    raise TimeoutError(0, "somebody else changes it")
