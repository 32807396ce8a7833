"""Answers that are no pages."""

from http import HTTPStatus

from aiohttp import hdrs, web


def see(path: str) -> web.Response:
    """Return the answer that leads to the page at *path*."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={hdrs.LOCATION: path})
