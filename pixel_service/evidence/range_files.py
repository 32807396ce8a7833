"""Address ranges in files: those built in, and those that an operator keeps."""

import hashlib
import os
import re
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

from pixel_service.evidence.errors import RangesInvalid
from pixel_service.evidence.ranges import AddressSet, parse_ranges

# Apple's list has 12 MB.
MAX_RANGE_OCTETS: Final = 64 * 1024 * 1024

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_NAME_CHARACTERS: Final = 64


def load_ranges(folder: Path | None) -> tuple[dict[str, AddressSet], str]:
    """Return the address ranges by name, and a digest over what they were read from.

    A file `<name>.txt` in *folder* replaces the built-in one of the same name.

    Raises:
        RangesInvalid: a file cannot be used.
    """
    texts = {
        path.name.removesuffix(".txt"): path.read_text(encoding="utf-8")
        for path in resources.files(__package__).joinpath("ranges").iterdir()
        if path.name.endswith(".txt")
    }
    for path in sorted(folder.glob("*.txt")) if folder else ():
        texts[path.stem] = _read_text(path)
    digest = hashlib.blake2b(digest_size=8)
    sets = {}
    for name, text in sorted(texts.items()):
        digest.update(f"{name}\n{text}".encode())
        try:
            sets[name] = AddressSet.of(parse_ranges(text))
        except RangesInvalid as error:
            raise RangesInvalid(f"address ranges {name}: {error}") from error
    return sets, digest.hexdigest()


def store_ranges(folder: Path, name: str, octets: bytes, *, origin: str) -> int:
    """Put the ranges listed in *octets* into *folder* as *name*; return how many.

    They are parsed and merged before anything is written, and the file is replaced
    atomically: a reader finds the old list or the new one.

    Raises:
        RangesInvalid: the name or the list cannot be used, or not be written.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
        raise RangesInvalid(f"{name[:80]!r} is not a name: use a-z, 0-9 and single hyphens")
    try:
        networks = list(AddressSet.of(parse_ranges(octets.decode("utf-8-sig"))).networks())
    except UnicodeDecodeError as error:
        raise RangesInvalid("is not UTF-8") from error
    header = f"# {' '.join(origin.split())}\n"
    text = header + "".join(f"{network}\n" for network in networks)
    try:
        _replace(folder / f"{name}.txt", text.encode())
    except OSError as error:
        raise RangesInvalid(f"{folder}: {error.strerror}") from error
    return len(networks)


def _replace(path: Path, octets: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
            if path.parent.stat().st_uid != os.geteuid():
                # The service runs as another user, and it is not a secret.
                Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_RANGE_OCTETS:
            raise RangesInvalid(f"{path}: has more than {MAX_RANGE_OCTETS} octets")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RangesInvalid(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RangesInvalid(f"{path}: is not UTF-8") from error
