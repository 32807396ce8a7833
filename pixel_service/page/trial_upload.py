"""Reads a message that somebody has pasted or chosen: in memory alone, and no more than fits."""

import asyncio
import datetime as dt
from typing import Final

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from pixel_service.page.views.trial import MAX_MESSAGE_OCTETS, Trial
from pixel_service.page.views.trial_pages import Asked

# The form has four; the rest is somebody else's.
_MOST_FIELDS: Final = 8

# A text of so many octets is a list of configurations or an address.
_MOST_OF_FIELD: Final = 5_000

_UNREADABLE: Final = "The form cannot be read."

_MOST_OF: Final = {"raw": MAX_MESSAGE_OCTETS, "file": MAX_MESSAGE_OCTETS}


# Others wait meanwhile. Four megabytes in a minute are half a megabit a second.
_PATIENCE: Final = dt.timedelta(minutes=1)


async def read_trial(request: web.Request, *, patience: dt.timedelta = _PATIENCE) -> Trial:
    """Return the trial that a form asks for.

    Raises:
        web.HTTPException: it is too large, too slow, or none.
    """
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPUnsupportedMediaType
    fields: dict[str, bytes] = {}
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await _read_fields(await request.multipart(), fields)
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The message did not arrive in time.") from None
    except (ValueError, HttpProcessingError) as error:
        raise web.HTTPBadRequest(text=_UNREADABLE) from error
    text = fields.get("raw", b"").lstrip(b"\r\n")
    return Trial(
        raw_message=fields.get("file", b"") or text,
        asked=Asked(
            text=_text(text),
            configuration_ids=_text(fields.get("configurations", b"")),
            recipient=_text(fields.get("recipient", b"")),
        ),
    )


async def _read_fields(reader: MultipartReader, fields: dict[str, bytes]) -> None:
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or len(fields) >= _MOST_FIELDS:
            raise web.HTTPBadRequest(text=_UNREADABLE)
        name = part.name or ""
        if name in fields:
            # It would be read for as long as it comes again.
            raise web.HTTPBadRequest(text=_UNREADABLE)
        fields[name] = await _read(part, most=_MOST_OF.get(name, _MOST_OF_FIELD))


async def _read(part: BodyPartReader, *, most: int) -> bytes:
    octets = bytearray()
    while chunk := await part.read_chunk():
        octets += chunk
        if len(octets) > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=len(octets))
    return bytes(octets)


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").strip()
