"""TLS to the next hop: where it must be, where it can be, and never half of it."""

import ssl
from pathlib import Path

import pytest

from mail_bridge.next_hop import AWAY, NextHopServer, NextHopTls
from mail_bridge.transaction import NextHopAway
from service_runtime.tls_files import TlsError
from tests.fixtures.certificates import Authority
from tests.mail_bridge.a_next_hop import EXTENSIONS, ANextHop, Instead
from tests.mail_bridge.next_hop.copies import TEXT, a_copy, a_pool

WITH_TLS = (*EXTENSIONS, b"STARTTLS")
READY = {b"STARTTLS": b"220 2.0.0 Ready"}


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Authority, Path]:
    """Return an authority, and where its certificate is."""
    return Authority.written(tmp_path)


def served(authority: Authority, folder: Path, *names: str) -> ssl.SSLContext:
    """Return what serves a certificate for *names*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(names=names or ("127.0.0.1",)).write(folder))
    return context


async def test_mail_goes_by_tls(authority: tuple[Authority, Path], tmp_path: Path) -> None:
    """A certificate that is the next hop's is enough, and the bridge introduces itself anew."""
    hop = ANextHop(READY, extensions=WITH_TLS, certificate=served(authority[0], tmp_path))
    async with a_pool(hop, tls=NextHopTls.REQUIRED, ca=authority[1]) as pool:
        replies = [await pool.send(a_copy()) for _ in range(2)]

    assert [each.code for (each,) in replies] == [250, 250]
    assert [each.message for each in hop.received] == [TEXT] * 2
    assert [each.split()[0] for each in hop.commands[:3]] == [b"EHLO", b"STARTTLS", b"EHLO"]


@pytest.mark.parametrize("is_known", [True, False])
async def test_certificate_of_somebody_else_gets_no_mail(
    authority: tuple[Authority, Path], tmp_path: Path, *, is_known: bool
) -> None:
    """Neither one for another name, nor one by another authority; the client keeps its mail."""
    others = authority[0] if is_known else Authority("another")
    names = ("mail.example.org",) if is_known else ("127.0.0.1",)
    hop = ANextHop(READY, extensions=WITH_TLS, certificate=served(others, tmp_path, *names))
    async with a_pool(hop, tls=NextHopTls.REQUIRED, ca=authority[1]) as pool:
        assert await pool.send(a_copy()) == [AWAY]

    assert hop.received == []
    assert all(not each.startswith(b"MAIL") for each in hop.commands)


@pytest.mark.parametrize(
    ("answers", "extensions"),
    [
        ({}, EXTENSIONS),
        ({b"STARTTLS": b"454 4.7.0 Not now"}, WITH_TLS),
        ({b"STARTTLS": Instead.CLOSED}, WITH_TLS),
        ({b"STARTTLS": b"220 Ready\r\n250 Injected"}, WITH_TLS),
    ],
)
async def test_mail_that_needs_tls_does_not_go_without(
    authority: tuple[Authority, Path],
    answers: dict[bytes, bytes | Instead],
    extensions: tuple[bytes, ...],
) -> None:
    """Whoever takes the announcement away, or fails, gets nothing."""
    hop = ANextHop(dict(answers), extensions=extensions)
    async with a_pool(hop, tls=NextHopTls.REQUIRED, ca=authority[1]) as pool:
        assert await pool.send(a_copy()) == [AWAY]

    assert hop.received == []


async def test_answer_that_somebody_put_before_tls_is_none_after_it(
    authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    """Said in the clear it may come from anybody, and is no announcement (CVE-2021-38371)."""
    hop = ANextHop(
        {b"STARTTLS": b"220 Ready\r\n250 Injected"},
        extensions=WITH_TLS,
        certificate=served(authority[0], tmp_path),
    )
    async with a_pool(hop, tls=NextHopTls.REQUIRED, ca=authority[1]) as pool:
        with pytest.raises(NextHopAway):
            await pool.extensions()
        assert await pool.send(a_copy()) == [AWAY]

    assert hop.received == []


async def test_tls_is_used_where_it_can_be(
    authority: tuple[Authority, Path], tmp_path: Path
) -> None:
    """Opportunistic is against whoever only listens: any certificate will do."""
    hop = ANextHop(READY, extensions=WITH_TLS, certificate=served(authority[0], tmp_path, "else"))
    async with a_pool(hop) as pool:
        assert [each.code for each in await pool.send(a_copy())] == [250]

    assert hop.commands.count(b"STARTTLS") == 1


@pytest.mark.parametrize("answer", [b"454 4.7.0 Not now", Instead.CLOSED, b"220 Then speak it"])
async def test_tls_that_fails_is_done_without(answer: bytes | Instead) -> None:
    """What is only wished for keeps no mail back."""
    hop = ANextHop({b"STARTTLS": answer}, extensions=WITH_TLS)
    async with a_pool(hop) as pool:
        assert [each.code for each in await pool.send(a_copy())] == [250]

    assert [each.message for each in hop.received] == [TEXT]


async def test_tls_may_be_left_alone() -> None:
    """With `none` it is not asked for."""
    hop = ANextHop(READY, extensions=WITH_TLS)
    async with a_pool(hop, tls=NextHopTls.NONE) as pool:
        await pool.send(a_copy())

    assert b"STARTTLS" not in hop.commands


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_file_that_is_no_authority_is_a_mistake_at_the_start(
    tmp_path: Path, text: str | None
) -> None:
    """The text names the file."""
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)

    with pytest.raises(TlsError, match=r"ca\.pem"):
        NextHopServer(tls=NextHopTls.REQUIRED, ca=file).check()
