"""The document around what a page shows."""

from collections.abc import Sequence

import htpy as h

from pixel_service.page.assets import url_of

Menu = Sequence[tuple[str, str]]
"""Paths and names of pages."""

_NAME = "emailopens"


def document(
    title: str, *main: h.Node, menu: Menu = (), path: str = "", account: h.Node = None
) -> str:
    """Return a whole document.

    Args:
        title: what the page is.
        main: what it shows.
        menu: where else to go.
        path: where this is.
        account: who looks, and how to leave.
    """
    return str(
        h.html(lang="en")[
            h.head[
                h.meta(charset="utf-8"),
                h.meta(name="viewport", content="width=device-width, initial-scale=1"),
                h.meta(name="color-scheme", content="light dark"),
                h.title[f"{title} · {_NAME}"],
                h.link(rel="icon", href=url_of("icon.svg"), type="image/svg+xml"),
                h.link(rel="stylesheet", href=url_of("page.css")),
                h.link(rel="stylesheet", href=url_of("charts.css")),
                h.script(type="module", src=url_of("page.js")),
            ],
            h.body[
                h.a(".skip", href="#main")["To the content"],
                h.header(".top")[
                    h.a(".name", href="/")[_NAME],
                    bool(menu)
                    and h.nav(aria_label="Pages")[[_entry(*each, path) for each in menu]],
                    account and h.div(".account")[account],
                ],
                h.main("#main")[main],
            ],
        ]
    )


def _entry(path: str, name: str, here: str) -> h.Element:
    is_here = here == path or (path != "/" and here.startswith(f"{path}/"))
    return h.a(href=path, aria_current="page" if is_here else None)[name]
