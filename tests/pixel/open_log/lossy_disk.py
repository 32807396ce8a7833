"""A disk that forgets what was not synced, as power loss makes it do.

Stands between SQLite and its files (https://sqlite.org/vfs.html), passes everything
on, and remembers which octets each file had when it was last synced, and what was
written since.  Importing this module changes nothing; `LossyDisk()` makes it the way
to the disk of every connection that the process opens afterwards.
"""

import ctypes
import dataclasses
import random
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FUNCTION = ctypes.c_void_p
_OK = 0
_IOERR_READ = sqlite3.SQLITE_IOERR_READ
_FULL = sqlite3.SQLITE_FULL


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        ("xOpen", _FUNCTION),
        ("xDelete", _FUNCTION),
        *((f"other{number}", _FUNCTION) for number in range(14)),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("xClose", _FUNCTION),
        ("xRead", _FUNCTION),
        ("xWrite", _FUNCTION),
        ("xTruncate", _FUNCTION),
        ("xSync", _FUNCTION),
        *((f"other{number}", _FUNCTION) for number in range(13)),
    )


class _File(ctypes.Structure):
    _fields_ = (("pMethods", ctypes.POINTER(_Methods)),)


_FilePointer = ctypes.POINTER(_File)
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_char_p,
    _FilePointer,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_int),
)
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_READ = ctypes.CFUNCTYPE(ctypes.c_int, _FilePointer, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _FilePointer, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _FilePointer, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _FilePointer, ctypes.c_int)


@dataclasses.dataclass(slots=True)
class _Contents:
    """What a file had when it was synced, and every write and cut since."""

    synced: bytearray = dataclasses.field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = dataclasses.field(default_factory=list)

    def apply(self, offset: int, octets: bytes | None) -> None:
        if octets is None:
            del self.synced[offset:]
            return
        missing = offset - len(self.synced)
        self.synced.extend(bytes(max(0, missing)))
        self.synced[offset : offset + len(octets)] = octets


class LossyDisk:
    """What would be left of SQLite's files if the power failed now.

    While `is_unreadable`, every read fails as that of a broken disk does (EIO); while
    `is_full`, every write does (ENOSPC).
    """

    def __init__(self) -> None:
        self.is_unreadable = False
        self.is_full = False
        # The library that Python's own module has loaded, so that it sees this.
        library = ctypes.CDLL("libsqlite3.so.0")
        assert library.sqlite3_libversion_number() == _number_of(sqlite3.sqlite_version_info)
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._real = library.sqlite3_vfs_find(None)
        self._vfs = _Vfs.from_buffer_copy(self._real.contents)
        self._vfs.zName = b"lossy"
        self._paths: list[ctypes.Array[ctypes.c_char] | None] = []
        self._names: dict[int, str] = {}
        self._files: dict[str, _Contents] = {}
        self._methods: dict[int, tuple[_Methods, Any]] = {}
        self._lock = threading.Lock()
        # Kept, because SQLite holds only their addresses.
        self._callbacks = [_OPEN(self._open), _DELETE(self._delete)]
        self._vfs.xOpen, self._vfs.xDelete = map(_address, self._callbacks)
        assert library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) == _OK

    def after_power_loss(self, chance: random.Random | None = None) -> dict[str, bytes]:
        """Return each file's octets: what was synced, and if *chance* wants some of the rest."""
        with self._lock:
            files = {
                name: _Contents(bytearray(file.synced), list(file.since))
                for name, file in self._files.items()
            }
        for file in files.values():
            for change in file.since if chance else ():
                if chance and chance.random() < 0.5:
                    file.apply(*change)
        return {name: bytes(file.synced) for name, file in files.items()}

    def _open(
        self,
        _: int,
        name: bytes | None,
        file: Any,  # noqa: ANN401 - ctypes
        flags: int,
        out_flags: Any,  # noqa: ANN401 - ctypes
    ) -> int:
        # SQLite keeps the pointer and makes the name of the shared memory from it, so
        # the octets must stay where they are; ctypes gave us a copy that goes.
        path = None if name is None else ctypes.create_string_buffer(name + bytes(3))
        self._paths.append(path)
        status = _OPEN(self._real.contents.xOpen)(
            ctypes.addressof(self._real.contents), path, file, flags, out_flags
        )
        if status == _OK and name is not None:
            with self._lock:
                self._names[ctypes.addressof(file.contents)] = name.decode()
                self._files.setdefault(name.decode(), _Contents())
                file.contents.pMethods = ctypes.pointer(self._wrapped(file.contents.pMethods))
        return int(status)

    def _wrapped(self, methods: Any) -> _Methods:  # noqa: ANN401 - ctypes
        """Return *methods* with ours for what changes a file; made once for each table."""
        address = ctypes.addressof(methods.contents)
        if address not in self._methods:
            wrapped = _Methods.from_buffer_copy(methods.contents)
            callbacks = (
                _READ(self._read_through(_READ(wrapped.xRead))),
                _WRITE(self._write_through(_WRITE(wrapped.xWrite))),
                _TRUNCATE(self._truncate_through(_TRUNCATE(wrapped.xTruncate))),
                _SYNC(self._sync_through(_SYNC(wrapped.xSync))),
            )
            wrapped.xRead, wrapped.xWrite, wrapped.xTruncate, wrapped.xSync = map(
                _address, callbacks
            )
            self._methods[address] = (wrapped, callbacks)
        return self._methods[address][0]

    def _file_of(self, file: Any) -> _Contents:  # noqa: ANN401 - ctypes
        return self._files[self._names[ctypes.addressof(file.contents)]]

    def _read_through(self, real: Any) -> Any:  # noqa: ANN401 - ctypes
        def read(file: Any, octets: int, length: int, offset: int) -> int:  # noqa: ANN401 - ctypes
            return _IOERR_READ if self.is_unreadable else int(real(file, octets, length, offset))

        return read

    def _write_through(self, real: Any) -> Any:  # noqa: ANN401 - ctypes
        def write(file: Any, octets: int, length: int, offset: int) -> int:  # noqa: ANN401 - ctypes
            if self.is_full:
                return _FULL
            with self._lock:
                self._file_of(file).since.append((offset, ctypes.string_at(octets, length)))
            return int(real(file, octets, length, offset))

        return write

    def _truncate_through(self, real: Any) -> Any:  # noqa: ANN401 - ctypes
        def truncate(file: Any, size: int) -> int:  # noqa: ANN401 - ctypes
            with self._lock:
                self._file_of(file).since.append((size, None))
            return int(real(file, size))

        return truncate

    def _sync_through(self, real: Any) -> Any:  # noqa: ANN401 - ctypes
        def sync(file: Any, flags: int) -> int:  # noqa: ANN401 - ctypes
            with self._lock:
                changes = list(self._file_of(file).since)
            status = int(real(file, flags))
            with self._lock:
                contents = self._file_of(file)
                for change in changes:
                    contents.apply(*change)
                del contents.since[: len(changes)]
            return status

        return sync

    def _delete(self, _: int, name: bytes, sync_folder: int) -> int:
        with self._lock:
            self._files.pop(name.decode(), None)
        return int(
            _DELETE(self._real.contents.xDelete)(
                ctypes.addressof(self._real.contents), name, sync_folder
            )
        )


def write_files(files: dict[str, bytes], folder: Path) -> Iterator[Path]:
    """Write what a disk has left into *folder*; yield the paths."""
    folder.mkdir(parents=True)
    for name, octets in files.items():
        path = folder / Path(name).name
        path.write_bytes(octets)
        yield path


def _address(callback: Any) -> int | None:  # noqa: ANN401 - ctypes
    return ctypes.cast(callback, ctypes.c_void_p).value


def _number_of(version: tuple[int, ...]) -> int:
    major, minor, patch = version
    return major * 1_000_000 + minor * 1_000 + patch
