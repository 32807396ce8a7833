"""The page's own files: style sheets and scripts, each under a name that changes with it."""

import hashlib
import importlib.resources
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

# The name changes with the file.
_FOR_EVER: Final = "public, max-age=31536000, immutable"

_FOLDER: Final = importlib.resources.files("pixel_service.page") / "static"
_FILES: Final[Mapping[str, bytes]] = {
    each.name: each.read_bytes()
    for each in _FOLDER.iterdir()
    if each.name.partition(".")[2] in _TYPES
}


def url_of(name: str) -> str:
    """Return where the file *name* is."""
    digest = hashlib.sha256(_FILES[name]).hexdigest()[:12]
    return f"/static/{name}?{digest}"


async def serve_file(request: web.Request) -> web.Response:
    """Answer with one of the files."""
    name = request.match_info["name"]
    if name not in _FILES:
        raise web.HTTPNotFound
    return web.Response(
        body=_FILES[name],
        content_type=_TYPES[name.partition(".")[2]],
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: _FOR_EVER},
    )
