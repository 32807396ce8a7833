"""The key ring's text, its files, and what it says of bad ones."""

import base64
import os
import stat
import threading
from pathlib import Path

import pytest

from service_runtime.key_ring import (
    KEY_OCTETS,
    KeyRing,
    KeyRingError,
    format_key_ring,
    generate_key_ring,
    parse_key_ring,
    read_key_ring,
    read_or_create_key_ring,
    write_key_ring,
)

KEY = base64.urlsafe_b64encode(bytes(range(KEY_OCTETS))).decode()


def test_text_of_a_ring_parses_to_the_same_ring() -> None:
    """Formatting and parsing lose nothing, least of all which key mints."""
    ring = generate_key_ring().rotated().rotated()

    assert parse_key_ring(format_key_ring(ring)) == ring
    assert ring.active_key_id == 3


def test_last_line_mints_and_comments_do_not_count() -> None:
    """An operator may annotate the file, and adds a key by appending a line."""
    ring = parse_key_ring(f"# old\n\n7:{KEY}\n  3:{KEY.rstrip('=')}\n# end\n")

    assert ring.active_key_id == 3
    assert ring.keys == {7: bytes(range(64)), 3: bytes(range(64))}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "there is no key"),
        ("# nothing\n", "there is no key"),
        (f"0:{KEY}", "key ID 0 is not between 1 and 255"),
        (f"256:{KEY}", "key ID 256 is not between 1 and 255"),
        (f"1:{KEY}\n1:{KEY}", "line 2: key ID 1 is listed twice"),
        ("1:AAAA", "key 1 has 3 octets instead of 64"),
        ("1", "key 1 has 0 octets instead of 64"),
        (f"one:{KEY}", "line 1 is not"),
        (f"1:{KEY[:-4]}!!!!", "line 1 is not"),
        (f"1:{KEY}\n2:{'A' * 86}", "line 2: key 2 is one octet over and over"),
        (f"1:{'_' * 86}", "line 1: key 1 is one octet over and over"),
    ],
)
def test_bad_text_says_where_it_is_wrong(text: str, complaint: str) -> None:
    """Every fault has its sentence, and no sentence holds a key."""
    with pytest.raises(KeyRingError) as caught:
        parse_key_ring(text)

    assert complaint in str(caught.value)
    assert KEY[:16] not in str(caught.value)


def test_keys_are_not_printed() -> None:
    """A ring that lands in a log line or traceback gives nothing away."""
    ring = parse_key_ring(f"1:{KEY}")

    assert repr(ring) == "KeyRing(active_key_id=1)"


def test_ring_takes_the_lowest_free_id_once_255_is_used() -> None:
    """Rotation goes on for as long as any key ID is free, and then says so."""
    ring = KeyRing(active_key_id=255, keys=dict.fromkeys([1, 3, 255], bytes(64)))

    assert ring.rotated().active_key_id == 2
    full = KeyRing(active_key_id=1, keys=dict.fromkeys(range(1, 256), bytes(64)))
    with pytest.raises(KeyRingError, match="all 255 key IDs are used"):
        full.rotated()


def test_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Whoever else has an account on the machine reads no key."""
    path = tmp_path / "token_keys"

    write_key_ring(path, generate_key_ring())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["token_keys"]


def test_writing_does_not_overwrite_unless_told_to(tmp_path: Path) -> None:
    """Keys that opened sent mail are not lost by a second command."""
    path = tmp_path / "token_keys"
    first = generate_key_ring()
    write_key_ring(path, first)

    with pytest.raises(KeyRingError, match="already exists"):
        write_key_ring(path, generate_key_ring())
    assert read_key_ring(path) == first
    write_key_ring(path, first.rotated(), replace=True)
    assert read_key_ring(path).active_key_id == 2


def test_two_services_that_start_at_once_share_one_ring(tmp_path: Path) -> None:
    """The first start of the pair ends with both holding the same key."""
    path = tmp_path / "token_keys"
    found: list[KeyRing] = []
    start = threading.Barrier(8)

    def begin() -> None:
        start.wait()
        found.append(read_or_create_key_ring(path))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert all(ring == found[0] for ring in found)


def test_unusable_files_are_named(tmp_path: Path) -> None:
    """Missing, not a file, open to others, not text, too large: one line with the path."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    large = tmp_path / "large"
    large.write_text("#" * 70_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for each in (binary, large, pipe):
        each.chmod(0o600)
    shared = tmp_path / "shared"
    shared.write_text(f"1:{KEY}\n")
    shared.chmod(0o640)

    for path, complaint in [
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "not a regular file"),
        # Waited for by nobody, whether somebody writes into it or not.
        (pipe, "not a regular file"),
        (shared, "others have access (mode 0640): chmod 600 it"),
        (binary, "not text"),
        (large, "larger than 65,536 octets"),
    ]:
        with pytest.raises(KeyRingError) as caught:
            read_key_ring(path)
        assert str(caught.value) == f"{path}: {complaint}"
