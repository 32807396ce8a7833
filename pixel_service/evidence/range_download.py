"""Fetches a published list of address ranges, within limits."""

import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import urlsplit

from pixel_service.evidence.errors import RangesInvalid
from pixel_service.evidence.range_files import MAX_RANGE_OCTETS

# Between two pieces, and for the whole list: 64 MB in two minutes is 4 Mbit/s.
PIECE_SECONDS: Final = 20.0
TOTAL_SECONDS: Final = 120.0

_PIECE_OCTETS: Final = 64 * 1024


def read_source(source: str) -> bytes:
    """Return the octets of *source*, an https URL or the path of a file.

    Raises:
        RangesInvalid: it cannot be read, is too large or too slow.
    """
    try:
        if "://" not in source:
            with Path(source).open("rb") as file:
                return _read_all(file)
        opener = urllib.request.build_opener(_HttpsOnly)
        with opener.open(_require_https(source), timeout=PIECE_SECONDS) as answer:
            return _read_all(answer)
    except urllib.error.HTTPError as error:
        raise RangesInvalid(f"{source}: answered {error.code}") from error
    except urllib.error.URLError as error:
        raise RangesInvalid(f"{source}: {error.reason}") from error
    except TimeoutError as error:
        raise RangesInvalid(f"{source}: took too long") from error
    except OSError as error:
        raise RangesInvalid(f"{source}: {error.strerror or error}") from error


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only: a list decides who counts as a scanner."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: object,
        newurl: str,
    ) -> urllib.request.Request | None:
        return super().redirect_request(
            req,
            fp,
            code,
            msg,
            headers,  # type: ignore[arg-type] # passed on as it came
            _require_https(newurl),
        )


def _require_https(url: str) -> str:
    if urlsplit(url).scheme.lower() != "https":
        raise RangesInvalid(f"{url}: only https URLs and files are read")
    return url


def _read_all(stream: _Stream) -> bytes:
    deadline = time.monotonic() + TOTAL_SECONDS
    octets = bytearray()
    # Not read, which would wait for a whole piece however slowly it trickles in.
    while piece := stream.read1(_PIECE_OCTETS):
        octets += piece
        if len(octets) > MAX_RANGE_OCTETS:
            raise RangesInvalid(f"has more than {MAX_RANGE_OCTETS} octets")
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(octets)
