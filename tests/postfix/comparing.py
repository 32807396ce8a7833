"""What a mail server delivers with the bridge, beside what it delivers without, octet by octet."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from injector_service.rewriting import Instructions, MadePixel, Pixel, rewrite_message
from tests.mail import golden_messages, judge
from tests.postfix.byte_sink import ByteSink
from tests.postfix.submission import Refused, submission

# Of the real messages, spread over all folders; each passes a server five times.
SAMPLE: Final = 150

# Beyond it a message takes seconds and shows nothing more; one of 25 MB has its own test.
MAX_SAMPLE_OCTETS: Final = 1_000_000

# Configurations that do not exist: it passes as it is.
NAMES_WRONGLY: Final = frozenset({"remove-fields-folded"})

RECIPIENT: Final = "reader@example.net"

RECEIVED: Final = b"Received: from client.example\r\n"

# What a server puts before a message; and what OpenSMTPD does when it delivers one.
OF_A_PASSAGE: Final = (
    rb"(?:Return-Path: [^\n]*\nDelivered-To: [^\n]*\n)?Received: from [^\n]*\n(?:[ \t][^\n]*\n)+"
)

# Octets that filters are known to change, in one message.
AWKWARD: Final = b"\r\n".join(
    (
        b"From:  Robin <robin@example.org>",
        b"To:\t<reader@example.net>",
        b"Subject: folded",
        b"  here",
        b"X-Trailing: blanks  ",
        b"MIME-Version: 1.0",
        b"Content-Type: text/html; charset=windows-1252",
        b"Content-Transfer-Encoding: 8bit",
        b"",
        b"<p>caf\xe9 \xff\x00 nul",
        *(b".", b"..", b".dot", b"...dots", b"blanks at the end  \t"),
        b"<p>" + b"y" * 2_000,
        b"a lone \r in it, and a lone \n in it",
        *(b"", b"From the start", b"", b"", b""),
    )
)


def messages() -> dict[str, bytes]:
    """Return messages by name, with line ends as they are on the wire."""
    found = {"awkward": AWKWARD}
    for golden in golden_messages.golden_messages():
        if golden.name in NAMES_WRONGLY:
            continue
        found[golden.name] = _on_the_wire(golden.path.read_bytes())
    found.update(_sample())
    return found


def _sample() -> Iterator[tuple[str, bytes]]:
    corpus = os.environ.get("MAIL_CORPUS")
    if not corpus:
        return
    files = [
        file
        for file in sorted(Path(corpus).rglob("*"))
        if file.is_file() and file.suffix != ".md" and file.stat().st_size <= MAX_SAMPLE_OCTETS
    ]
    for file in files[:: max(len(files) // SAMPLE, 1)]:
        yield file.relative_to(corpus).as_posix(), _on_the_wire(file.read_bytes())


def _on_the_wire(raw: bytes) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", raw)


def delivered(
    port: int, sink: ByteSink, sent: dict[str, bytes], *, may_refuse: bool = False
) -> dict[str, bytes]:
    """Send all messages to the server at *port*; return what the sink got of each.

    One that is refused fails the test, or is left out where the server *may_refuse* some.
    """
    sink.clear()
    taken = {}
    with submission(port) as client:
        for number, (name, raw) in enumerate(sent.items()):
            try:
                client.send(f"FROM:<m{number}@example.org>", [f"TO:<{RECIPIENT}>"], raw)
            except Refused:
                if not may_refuse:
                    raise
                client.command("RSET")
            else:
                taken[name] = f"m{number}@example.org"
    came = sink.wait_for(len(taken))
    by_sender = {each.sender: each.octets for each in came}
    assert len(came) == len(by_sender) == len(taken)
    return {name: by_sender[sender] for name, sender in taken.items()}


def without_received(octets: bytes, hops: int) -> bytes:
    """Return a message without the fields that *hops* passages of a server have put before it."""
    for _ in range(hops):
        field = re.match(OF_A_PASSAGE, octets)
        assert field is not None
        octets = octets[field.end() :]
    return octets


def wrongly_changed(
    plain: dict[str, bytes], came: dict[str, bytes], *, hops: int, base_url: str
) -> list[str]:
    """Return the messages whose way through the bridge has changed more than the pixel.

    Args:
        plain: what a server delivered without the bridge, by name.
        came: what it delivered with it.
        hops: how often it put a field of its own before what came.
        base_url: of the pixels, which some of the messages must have.
    """
    unfiltered = {name: without_received(octets, 1) for name, octets in plain.items()}
    own = {name: without_received(octets, hops) for name, octets in came.items()}
    assert any(octets != unfiltered[name] for name, octets in own.items())
    return [
        name
        for name, octets in own.items()
        if octets != with_pixel(unfiltered[name], octets, base_url)
    ]


def with_pixel(plain: bytes, own: bytes, base_url: str) -> bytes:
    """Return *plain* with the pixel that is in *own*, if it is to have one."""
    urls = {
        url
        for text in (*judge.texts(own), own.decode("latin-1"))
        for url in re.findall(re.escape(base_url) + r"/o/[A-Za-z0-9_-]+\.gif", text)
    }
    # It is expected and missing if the message could have one, and this one is not in it.
    pixel = Pixel(url=min(urls, default=f"{base_url}/o/missing.gif"))
    # A server has put one before it, and then what was in front of the header is inside it.
    received = RECEIVED + plain
    rewritten = rewrite_message(
        received,
        Instructions(
            recipients=(RECIPIENT,),
            make_pixel=lambda _header, _most: MadePixel(pixel),
            is_own_token=lambda _token: False,
            fields_to_remove=("X-Configuration-Id", "X-Ses-Configuration-Set"),
        ),
    )
    message = rewritten.message(received).removeprefix(RECEIVED)
    # A pixel at the end of the last line is followed by a line end, as SMTP has it.
    return message if message.endswith(b"\r\n") else message + b"\r\n"
