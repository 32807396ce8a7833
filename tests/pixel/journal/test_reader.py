"""What is read of a journal, whole or not: nothing is passed over in silence."""

from pathlib import Path

import pytest
import structlog

from pixel_service.journal import FutureSegment, Journals
from pixel_service.journal.disk import Disk
from pixel_service.journal.record import HEAD_OCTETS
from pixel_service.journal.segment import HEADER_OCTETS, Header, header_octets
from pixel_service.journal.segment_writer import SegmentWriter
from tests.pixel.journal.disks import JOURNAL_ID, a_folder, read_all, reader_of, written

ONE, TWO, THREE, FOUR = (word.encode() * 40 for word in ("one", "two", "three", "four"))


def events(logs: list[structlog.typing.EventDict]) -> list[str]:
    return [entry["event"] for entry in logs]


def flip(path: Path, offset: int) -> None:
    """Flip a bit of the octet at *offset*."""
    octets = bytearray(path.read_bytes())
    octets[offset] ^= 0x10
    path.write_bytes(octets)


def segments(journal: Path) -> list[Path]:
    return sorted(journal.glob("*.segment"))


def test_entries_come_back_in_order_over_many_segments(tmp_path: Path) -> None:
    """What was written is read, in its order, whatever segment it is in."""
    batches = [[b"%d-%d" % (batch, index) * 30 for index in range(5)] for batch in range(40)]
    journal = written(tmp_path, batches)
    assert len(segments(journal)) > 5

    assert read_all(reader_of(journal)) == [entry for batch in batches for entry in batch]
    assert segments(journal) == []


def test_reading_goes_on_after_a_position(tmp_path: Path) -> None:
    """Whoever knows what was recorded reads what follows it, and no more."""
    journal = written(tmp_path, [[ONE, TWO], [THREE], [FOUR]])

    assert read_all(reader_of(journal, after=2)) == [THREE, FOUR]


def test_fillers_are_nobody_s_entries(tmp_path: Path) -> None:
    """A sync that had nothing to carry leaves nothing to read, and no gap."""
    journal = written(tmp_path, [[ONE], [], [], [TWO]])
    reader = reader_of(journal)

    assert read_all(reader) == [ONE, TWO]
    assert reader.missing == 0


def test_segment_is_removed_once_it_is_recorded_and_not_before(tmp_path: Path) -> None:
    """A segment stays until the position that was recorded is beyond it."""
    journal = written(tmp_path, [[ONE * 20], [TWO * 20]])
    reader = reader_of(journal)
    first, second = reader.read(), reader.read()
    assert first is not None
    assert second is not None
    assert len(segments(journal)) == 2

    reader.release(first.sequence)

    assert [path.name for path in segments(journal)] == ["000000000002.segment"]


@pytest.mark.parametrize("kept", [*range(1, HEAD_OCTETS + 4), HEAD_OCTETS + len(THREE) - 1])
def test_torn_tail_is_no_damage(tmp_path: Path, kept: int) -> None:
    """Wherever a crash tears the last record off, the others are read, and none is missed."""
    journal = written(tmp_path, [[ONE], [TWO], [THREE]])
    (segment,) = segments(journal)
    start = HEADER_OCTETS + 2 * HEAD_OCTETS + len(ONE) + len(TWO)
    octets = bytearray(segment.read_bytes())
    octets[start + kept : start + HEAD_OCTETS + len(THREE)] = bytes(HEAD_OCTETS + len(THREE) - kept)
    segment.write_bytes(octets)
    reader = reader_of(journal)
    with structlog.testing.capture_logs() as logs:
        assert read_all(reader) == [ONE, TWO]

    # What ends in the middle of a checksum may look like one that is not right.
    if not HEAD_OCTETS - 8 < kept < HEAD_OCTETS:
        assert (reader.missing, events(logs)) == (0, [])
        assert segments(journal) == []


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("offset", [*range(HEAD_OCTETS), HEAD_OCTETS, HEAD_OCTETS + 60])
def test_flipped_bit_costs_one_record_and_is_said(tmp_path: Path, where: str, offset: int) -> None:
    """A flipped bit, in whatever octet of a record, loses that record and is counted."""
    entries = [ONE, TWO, THREE]
    journal = written(tmp_path, [[entry] for entry in entries])
    (segment,) = segments(journal)
    index = ["first", "middle", "last"].index(where)
    start = HEADER_OCTETS + sum(HEAD_OCTETS + len(entry) for entry in entries[:index])
    flip(segment, start + offset)
    reader = reader_of(journal)
    with structlog.testing.capture_logs() as logs:
        found = read_all(reader)

    assert found == entries[:index] + entries[index + 1 :]
    assert reader.missing == 1
    assert events(logs) == ["journal records missing"]
    assert Journals(tmp_path).damaged() != []
    assert segments(journal) == []


def test_damage_is_passed_over_in_a_segment_that_is_still_written(tmp_path: Path) -> None:
    """A record that was synced and is damaged holds up nothing after it."""
    journals = Journals(tmp_path)
    with journals.new_journal() as (folder, journal_id):
        live = _write_live(folder, journal_id, [[ONE], [TWO], [THREE]])
        flip(live, HEADER_OCTETS + HEAD_OCTETS + len(ONE) + HEAD_OCTETS + 3)
        reader = reader_of(folder)
        with structlog.testing.capture_logs() as logs:
            assert read_all(reader) == [ONE, THREE]

    assert reader.missing == 1
    assert events(logs) == ["journal records missing"]


def test_record_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """What is not whole in a segment that is being written may become it."""
    with Journals(tmp_path).new_journal() as (folder, journal_id):
        live = _write_live(folder, journal_id, [[ONE], [TWO]])
        whole = live.read_bytes()
        start = HEADER_OCTETS + 2 * HEAD_OCTETS + len(ONE)
        live.write_bytes(whole[: start + 10] + bytes(len(whole) - start - 10))
        reader = reader_of(folder)
        assert read_all(reader) == [ONE]

        live.write_bytes(whole)

        assert read_all(reader) == [TWO]
        assert reader.missing == 0


def _write_live(folder: Path, journal_id: bytes, batches: list[list[bytes]]) -> Path:
    writer = SegmentWriter(folder, journal_id, disk=Disk(), max_octets=2**30, segment_octets=4_096)
    for batch in batches:
        writer.write(batch)
    writer.close()
    (segment,) = segments(folder)
    return segment


def test_missing_segment_is_said_with_what_it_held(tmp_path: Path) -> None:
    """A segment that is gone is named as such, and what it held is counted."""
    journal = written(tmp_path, [[entry * 20] for entry in (ONE, TWO, THREE)], segment_octets=3_072)
    first, second, third = segments(journal)
    del first, third
    second.unlink()
    reader = reader_of(journal)
    with structlog.testing.capture_logs() as logs:
        assert read_all(reader) == [ONE * 20, THREE * 20]

    assert reader.missing == 1
    assert events(logs) == ["journal segment missing"]


def test_segment_of_a_future_version_is_left_alone(tmp_path: Path) -> None:
    """What a newer program wrote is neither read nor removed, and says so."""
    journal = written(tmp_path, [[ONE]])
    (segment,) = segments(journal)
    octets = segment.read_bytes()
    segment.write_bytes(header_octets(Header(2, JOURNAL_ID, 1, 1)) + octets[HEADER_OCTETS:])
    with pytest.raises(FutureSegment, match="newer version"):
        reader_of(journal).read()

    assert segments(journal) == [segment]


def test_damaged_header_costs_no_record(tmp_path: Path) -> None:
    """The records after a header that cannot be read are read all the same."""
    journal = written(tmp_path, [[ONE], [TWO]])
    flip(segments(journal)[0], 9)
    with structlog.testing.capture_logs() as logs:
        assert read_all(reader_of(journal)) == [ONE, TWO]

    assert events(logs) == ["journal segment's header damaged"]
    assert len(Journals(tmp_path).damaged()) == 1


@pytest.mark.parametrize("name", ["hello.segment", "1.segment", "notes.txt"])
def test_foreign_files_are_nobody_s_business(tmp_path: Path, name: str) -> None:
    """A file that is no segment of ours changes nothing, and is not touched."""
    journal = written(tmp_path, [[ONE]])
    (journal / name).write_bytes(b"hello")
    (tmp_path / "hello.spool").write_bytes(b"hello")
    (tmp_path / bytes(16).hex()).write_bytes(b"a file that is called like a journal")
    assert read_all(reader_of(journal)) == [ONE]

    assert (journal / name).read_bytes() == b"hello"
    assert [found.id for found in Journals(tmp_path).found()] == [JOURNAL_ID.hex()]


@pytest.mark.parametrize("octets", [b"", bytes(4_096), b"\xff" * 4_096, b"EOPENJNL"])
def test_segment_that_holds_nothing_of_ours_ends_no_reading(tmp_path: Path, octets: bytes) -> None:
    """An empty, blank or foreign segment between others is passed over."""
    journal = written(tmp_path, [[ONE * 20], [TWO * 20]], segment_octets=3_072)
    first, second = segments(journal)
    second.rename(second.with_name("000000000003.segment"))
    (journal / "000000000002.segment").write_bytes(octets)

    assert read_all(reader_of(journal)) == [ONE * 20, TWO * 20]
    assert segments(journal) == []
    assert not first.exists()


def test_journal_of_nothing_is_at_its_end(tmp_path: Path) -> None:
    """An abandoned journal that is read and removed can go; one with segments cannot."""
    reader = reader_of(a_folder(tmp_path))
    assert reader.is_at_end()

    reader.journal.remove()
    other = reader_of(written(tmp_path, [[ONE]]))
    assert not other.is_at_end()
    read_all(other)
    assert other.is_at_end()
