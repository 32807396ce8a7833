"""What these tests send, and through what."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from mail_bridge.next_hop import Copy, NextHopServer, Pool
from mail_bridge.smtp import Change, Message
from tests.mail_bridge.a_next_hop import ANextHop

TEXT = b"Subject: a\r\n\r\n.dot\r\n..two\r\n \xff\x00 \t\r\n" + b"x" * 2_000 + b"\r\n.\r\n"


def a_copy(
    *recipients: bytes,
    message: bytes = TEXT,
    changes: Sequence[Change] = (),
    **more: Any,  # noqa: ANN401 - what else a copy has
) -> Copy:
    return Copy(
        mail=b"FROM:<a@example.org> BODY=8BITMIME",
        recipients=recipients or (b"TO:<b@example.org>",),
        message=Message(message),
        changes=changes,
        **more,
    )


@contextlib.asynccontextmanager
async def a_pool(
    hop: ANextHop,
    **settings: Any,  # noqa: ANN401 - by their names
) -> AsyncIterator[Pool]:
    """Lend a pool of connections to *hop*."""
    async with hop.running():
        host, port = hop.address
        pool = Pool(NextHopServer(host=host, port=port, hello="bridge.example", **settings))
        try:
            yield pool
        finally:
            pool.close()
