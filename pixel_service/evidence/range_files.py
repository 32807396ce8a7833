"""Address ranges in files: those built in, and those that an operator keeps.

A file begins with comments.  One of them says from when it is: `# As of 2026-11-27`, or with
a time.  After that there is one network a line.
"""

import dataclasses
import datetime as dt
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from pixel_service.evidence.errors import RangesInvalid
from pixel_service.evidence.ranges import AddressSet, parse_ranges

# Apple's list has 12 MB.
MAX_RANGE_OCTETS: Final = 64 * 1024 * 1024

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_NAME_CHARACTERS: Final = 64

# More comments than that do not stand before the first network.
_MAX_HEADER_CHARACTERS: Final = 4_096
_AS_OF: Final = re.compile(
    r"^# As of (\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?)(?:, ([^\n]{0,400}+))?", re.MULTILINE
)
_HEADER: Final = re.compile(r"(?:#[^\n]*+\n)*+")

# Half of a list is not lost in a day.
_LEAST_SHARE: Final = 0.5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NamedRanges:
    """Address ranges, as a file has them."""

    name: str
    addresses: AddressSet
    as_of: dt.datetime
    """From when they are; of a file that does not say it, when it was written."""
    origin: str
    """Where they come from, for operators."""
    is_built_in: bool
    digest: bytes
    """Of the networks, without the comments before them."""


def load_ranges(
    folder: Path | None, *, known: Mapping[str, NamedRanges] | None = None
) -> Mapping[str, NamedRanges]:
    """Return the address ranges by name.

    A file `<name>.txt` in *folder* replaces the built-in one of the same name.

    Args:
        folder: where an operator keeps ranges; None: nowhere.
        known: what was loaded before; what has not changed is not parsed again.

    Raises:
        RangesInvalid: the folder or a file cannot be used.
    """
    found = {}
    for path in range_paths(folder) if folder else ():
        found[path.stem] = _parse_file(path.stem, _read_text(path), path, known or {})
    for built_in in resources.files(__package__).joinpath("ranges").iterdir():
        name, _, kind = built_in.name.rpartition(".")
        if kind == "txt" and name not in found:
            text = built_in.read_text(encoding="utf-8")
            found[name] = _parse_file(name, text, None, known or {})
    return found


def range_paths(folder: Path) -> list[Path]:
    """Return the files of *folder* that are address ranges, in the order of their names.

    Raises:
        RangesInvalid: it is there and cannot be read.
    """
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RangesInvalid(f"{folder}: {error.strerror}") from error
    return [path for path in found if path.suffix == ".txt"]


def load_stored(folder: Path, name: str) -> NamedRanges | None:
    """Return the ranges that *folder* has as *name*; None if there are none.

    Raises:
        RangesInvalid: they cannot be used.
    """
    path = folder / f"{name}.txt"
    return _parse_file(name, _read_text(path), path, {}) if path.exists() else None


def digest_of(ranges: Mapping[str, NamedRanges]) -> bytes:
    """Return what changes when any of *ranges* does."""
    digest = hashlib.blake2b(digest_size=8)
    for name, each in sorted(ranges.items()):
        digest.update(name.encode() + each.digest)
    return digest.digest()


def is_name_of_ranges(name: object) -> bool:
    """Say whether ranges can be called so."""
    return (
        isinstance(name, str)
        and len(name) <= MAX_NAME_CHARACTERS
        and _NAME.fullmatch(name) is not None
    )


def store_ranges(
    folder: Path, name: str, addresses: AddressSet, *, origin: str, now: dt.datetime
) -> int:
    """Put *addresses* into *folder* as *name*; return how many networks they are.

    The file is replaced atomically: a reader finds the old list or the new one.

    Raises:
        RangesInvalid: the name cannot be used, or the file not be written.
    """
    if not is_name_of_ranges(name):
        raise RangesInvalid(f"{name[:80]!r} is not a name: use a-z, 0-9 and single hyphens")
    networks = list(addresses.networks())
    header = f"# As of {now:%Y-%m-%dT%H:%M:%SZ}, {' '.join(origin.split())[:400]}\n"
    text = header + "".join(f"{network}\n" for network in networks)
    try:
        _replace(folder / f"{name}.txt", text.encode())
    except OSError as error:
        raise RangesInvalid(f"{folder}: {error.strerror}") from error
    return len(networks)


def require_no_less(new: AddressSet, old: AddressSet) -> None:
    """Refuse *new* ranges that have lost most of the *old* ones.

    Raises:
        RangesInvalid: they have.
    """
    for version in (4, 6):
        before, after = old.addresses(version), new.addresses(version)
        if after < _LEAST_SHARE * before:
            raise RangesInvalid(f"has lost more than half of its IPv{version} addresses")


def _parse_file(
    name: str, text: str, path: Path | None, known: Mapping[str, NamedRanges]
) -> NamedRanges:
    header = _HEADER.match(text[:_MAX_HEADER_CHARACTERS])
    body = text[header.end() :] if header else text
    said = _AS_OF.search(text, 0, header.end()) if header else None
    digest = hashlib.blake2b(body.encode(), digest_size=8).digest()
    before = known.get(name)
    try:
        addresses = (
            before.addresses
            if before is not None and before.digest == digest
            else AddressSet.of(parse_ranges(body))
        )
        as_of = _moment(said[1]) if said else _written(path)
    except (RangesInvalid, ValueError) as error:
        raise RangesInvalid(f"address ranges {name}: {error}") from error
    return NamedRanges(
        name=name,
        addresses=addresses,
        as_of=as_of,
        origin=("built in" if path is None else (said[2] if said else None) or str(path)),
        is_built_in=path is None,
        digest=digest,
    )


def _moment(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _written(path: Path | None) -> dt.datetime:
    seconds = path.stat().st_mtime if path is not None else 0
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _replace(path: Path, octets: bytes) -> None:
    folder = path.parent
    if not folder.exists():
        folder.mkdir(parents=True)
        _give_as_root(folder, folder.parent)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        try:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
            if folder.stat().st_uid != os.geteuid():
                # The service runs as another user, and it is not a secret.
                Path(file.name).chmod(0o644)
            _give_as_root(Path(file.name), folder)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _give_as_root(path: Path, folder: Path) -> None:
    """Give what root has made in *folder* to the folder's owner, who runs the service."""
    if os.geteuid() == 0:
        found = folder.stat()
        os.chown(path, found.st_uid, found.st_gid)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_RANGE_OCTETS:
            raise RangesInvalid(f"{path}: has more than {MAX_RANGE_OCTETS} octets")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RangesInvalid(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RangesInvalid(f"{path}: is not UTF-8") from error
