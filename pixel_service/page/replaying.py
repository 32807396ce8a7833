"""What sends opens again from some time on."""

import datetime as dt
from collections.abc import Mapping

import htpy as h
from aiohttp import web


def replay_form(path: str, now: dt.datetime) -> h.Element:
    """Return the form that asks from when on, and is sent to *path*."""
    yesterday = now - dt.timedelta(days=1)
    return h.form(".search", method="post", action=path)[
        h.label(for_="from")["Send again everything from (UTC)"],
        h.input(
            "#from",
            type="datetime-local",
            name="from",
            required=True,
            value=f"{yesterday:%Y-%m-%dT%H:%M}",
            max=f"{now:%Y-%m-%dT%H:%M}",
        ),
        h.button(type="submit")["Replay"],
    ]


def start_of(form: Mapping[str, str]) -> dt.datetime:
    """Return the time that the form says, in UTC.

    Raises:
        web.HTTPBadRequest: it says no time.
    """
    try:
        time = dt.datetime.fromisoformat(form.get("from", ""))
    except ValueError as error:
        raise web.HTTPBadRequest(text="From when is to be a date and a time.") from error
    return time.replace(tzinfo=dt.UTC)
