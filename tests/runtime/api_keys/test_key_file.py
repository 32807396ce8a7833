"""The file of API keys: what is made, read, refused and changed."""

import concurrent.futures
import datetime as dt
import os
import stat
from pathlib import Path

import pytest

from service_runtime.api_keys.key import digest_of, id_in, make_key
from service_runtime.api_keys.key_file import (
    MAX_FILE_OCTETS,
    ApiKeysError,
    add_key,
    read_keys,
    remove_key,
)
from service_runtime.api_keys.last_use import note_last_use, read_last_use
from service_runtime.callers import Role

NOW = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
DIGEST = "0" * 64
GOOD = f'{{"id": "a", "role": "admin", "sha256": "{DIGEST}", "created": "2026-05-04T12:00Z"}}'


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_key_has_the_form_that_scanners_know(tmp_path: Path) -> None:
    """A key names its role and ID, has 256 bits of secret, and is not in the file."""
    key, text = make_key(Role.SENDER, now=NOW)
    add_key(tmp_path / "keys", key)

    prefix, role, key_id, secret = text.split("_", 3)
    assert (prefix, role, key_id) == ("eo", "sender", key.id)
    assert len(secret) == 43
    assert id_in(text) == key.id
    assert digest_of(text) == key.digest
    assert secret not in (tmp_path / "keys").read_text()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Everything that is said of a key when it is made is kept."""
    file = tmp_path / "keys"
    key, _ = make_key(
        Role.SUBSCRIBER,
        configuration_ids=frozenset({"crm", "shop"}),
        now=NOW,
        expire_time=NOW + dt.timedelta(days=1),
    )
    other, _ = make_key(Role.ADMIN, now=NOW)
    add_key(file, key)
    add_key(file, other)

    assert read_keys(file) == {key.id: key, other.id: other}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_revoking_leaves_the_other_lines_as_they_are(tmp_path: Path) -> None:
    """A revoked key's line is gone, and operators' remarks stay."""
    file = private(tmp_path / "keys", f"# of the shop\n{GOOD}\n")
    key, _ = make_key(Role.SENDER, now=NOW)
    add_key(file, key)

    remove_key(file, key.id)

    assert file.read_text() == f"# of the shop\n{GOOD}\n"
    with pytest.raises(ApiKeysError, match=f"there is no key {key.id}"):
        remove_key(file, key.id)


def test_a_link_stays_one(tmp_path: Path) -> None:
    """Changing keys through a link changes the file that it points to."""
    (tmp_path / "link").symlink_to("keys")
    key, _ = make_key(Role.SENDER, now=NOW)

    add_key(tmp_path / "link", key)

    assert (tmp_path / "link").is_symlink()
    assert read_keys(tmp_path / "keys") == {key.id: key}


def test_changes_at_once_are_all_there(tmp_path: Path) -> None:
    """Operators that make keys at the same moment lose none."""
    keys = [make_key(Role.SENDER, now=NOW)[0] for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: add_key(tmp_path / "keys", key), keys))

    assert read_keys(tmp_path / "keys").keys() == {key.id for key in keys}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "line 1 is not a key: no JSON"),
        ("[" * 100_000, "line 1 is not a key: no JSON"),
        ("[]", "line 1 is not a key: no JSON object"),
        (f"\n# x\n{GOOD}\n{GOOD}", "line 4: key a is listed twice"),
        (GOOD.replace('"a"', "7"), "id is no text"),
        (GOOD.replace('"a"', '"A_B"'), "its ID does not match"),
        (GOOD.replace("admin", "root"), "its role is none of sender, subscriber, operator, admin"),
        (GOOD.replace(DIGEST, "00"), "sha256 is not 32 octets in hexadecimal"),
        (GOOD.replace(DIGEST, "ß" * 64), "sha256 is not 32 octets in hexadecimal"),
        (GOOD.replace("2026-05-04T12:00Z", "May"), "created is no time"),
        (GOOD.replace("12:00Z", "12:00"), "created has no zone"),
        (GOOD.replace('"created"', '"made"'), "it has no 'created'"),
        (GOOD[:-1] + ', "networks": []}', "it has members that this version does not know"),
        (GOOD[:-1] + ', "configurations": "crm"}', "configurations is no list of IDs"),
        (GOOD[:-1] + ', "configurations": ["crm"]}', "admin is not a role that configurations"),
        (GOOD[:-1] + ', "expires": 5}', "expires is no text"),
        ("#" * (MAX_FILE_OCTETS + 1), "larger than 1,048,576 octets"),
    ],
)
def test_what_is_no_file_of_keys_is_refused_in_a_line(tmp_path: Path, text: str, why: str) -> None:
    """A file that is wrong is refused with its place and without what is in it."""
    file = private(tmp_path / "keys", text)

    with pytest.raises(ApiKeysError) as refusal:
        read_keys(file)

    assert why in str(refusal.value)
    assert str(refusal.value).startswith(str(file))
    assert DIGEST not in str(refusal.value)


def test_octets_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A binary file is refused in a line."""
    file = private(tmp_path / "keys", "")
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(ApiKeysError, match="not text"):
        read_keys(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_file_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever may write the file may call, so it must be its owner's alone."""
    file = private(tmp_path / "keys", GOOD)
    file.chmod(mode)

    with pytest.raises(ApiKeysError, match=f"others have access .mode {mode:04o}.: chmod 600"):
        read_keys(file)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """A FIFO that nobody writes to, a folder and a missing file do not hang anybody."""
    os.mkfifo(tmp_path / "fifo", 0o600)

    for name, why in (("fifo", "not a regular file"), (".", "not a regular"), ("x", "No such")):
        with pytest.raises(ApiKeysError, match=why):
            read_keys(tmp_path / name)


def test_a_change_of_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    """What cannot be read is not overwritten."""
    file = private(tmp_path / "keys", "broken")

    with pytest.raises(ApiKeysError, match="no JSON"):
        add_key(file, make_key(Role.SENDER, now=NOW)[0])

    assert file.read_text() == "broken"


def test_last_use_is_the_latest_of_all_services(tmp_path: Path) -> None:
    """Services that share keys note their use together, and forget keys that are gone."""
    keys = tmp_path / "keys"
    later = NOW + dt.timedelta(minutes=5)
    known = frozenset({"a", "b"})

    note_last_use(keys, {"a": later, "gone": NOW}, known=known)
    note_last_use(keys, {"a": NOW, "b": NOW}, known=known)

    assert read_last_use(keys) == {"a": later, "b": NOW}


@pytest.mark.parametrize("text", ["", "[]", '{"a": 5}', '{"a": "x"}', "[" * 100_000])
def test_a_broken_note_of_last_use_is_as_none(tmp_path: Path, text: str) -> None:
    """What was noted is for information: broken, it stops nothing and is written anew."""
    private(tmp_path / "keys.last-use", text)

    assert read_last_use(tmp_path / "keys") == {}
    note_last_use(tmp_path / "keys", {"a": NOW}, known=frozenset({"a"}))
    assert read_last_use(tmp_path / "keys") == {"a": NOW}
