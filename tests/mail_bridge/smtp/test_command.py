"""Commands are taken apart no further than they must be, whatever a client sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_bridge.smtp import (
    Command,
    CommandMalformed,
    KeywordMissing,
    PathMalformed,
    parse_command,
    parse_envelope,
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"quit", Command(b"QUIT", b"")),
        (b" NOOP  \t", Command(b"NOOP", b"")),
        (b"Mail From:<a@b>  SIZE=1 ", Command(b"MAIL", b"From:<a@b>  SIZE=1")),
        (b"RCPT TO:<\xc3\xab@b>", Command(b"RCPT", b"TO:<\xc3\xab@b>")),
        (b"EHLO\tx", None),
        (b"", None),
        (b"\x00", None),
        (b"MAIL FROM:<a@b>\x07", None),
        (b"MAIL FROM:<a@b>\rRCPT TO:<c@d>", None),
        (b"X-COMMAND", None),
    ],
)
def test_line_is_a_verb_and_what_follows(line: bytes, expected: Command | None) -> None:
    """Verbs are compared in capitals; arguments keep every octet but blanks at their ends."""
    if expected is None:
        with pytest.raises(CommandMalformed):
            parse_command(line)
    else:
        assert parse_command(line) == expected


@pytest.mark.parametrize(
    ("argument", "path", "address", "parameters"),
    [
        (b"TO:<a@b.example>", b"a@b.example", "a@b.example", {}),
        (b"to:<>", b"", "", {}),
        (b"TO: <a@b>", b"a@b", "a@b", {}),
        (b"TO:<postmaster>", b"postmaster", "postmaster", {}),
        (b'TO:<"a b>\\" c"@d>', b'"a b>\\" c"@d', '"a b>\\" c"@d', {}),
        (b"TO:<a\\>b@c>", b"a\\>b@c", "a\\>b@c", {}),
        (b"TO:<@r.example,@s.example:a@b>", b"@r.example,@s.example:a@b", "a@b", {}),
        (b"TO:<a@[IPv6:2001:db8::1]>", b"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", {}),
        (b"TO:<\xc3\xab@b>", b"\xc3\xab@b", "ë@b", {}),
        (b"TO:<\xff@b>", b"\xff@b", None, {}),
        (
            b"TO:<a@b> notify=NEVER  ORCPT=rfc822;a@b FLAG",
            b"a@b",
            "a@b",
            {b"NOTIFY": b"NEVER", b"ORCPT": b"rfc822;a@b", b"FLAG": b""},
        ),
    ],
)
def test_path_and_parameters_are_found(
    argument: bytes, path: bytes, address: str | None, parameters: dict[bytes, bytes]
) -> None:
    """The path is what is between the brackets; quoted ones in it do not end it."""
    envelope = parse_envelope(argument, b"TO:")

    assert (envelope.path, envelope.address, envelope.parameters) == (path, address, parameters)


@pytest.mark.parametrize(
    "argument",
    [
        *(b"TO:", b"TO:a@b", b"TO:<a@b", b"TO:a@b>", b"TO:<a b@c>", b"TO:<a@b>NOTIFY=NEVER"),
        *(b'TO:<"a@b>', b"TO:<a@b\\>", b"TO:<<a@b>>", b"TO:x<a@b>"),
    ],
)
def test_path_that_is_none_is_refused(argument: bytes) -> None:
    """An address without brackets, or with one, could be anything."""
    with pytest.raises(PathMalformed):
        parse_envelope(argument, b"TO:")


@pytest.mark.parametrize("argument", [b"", b"FROM:<a@b>", b"TO<a@b>", b"<a@b>"])
def test_argument_without_its_keyword_is_refused(argument: bytes) -> None:
    """RCPT says TO, whatever else it says."""
    with pytest.raises(KeywordMissing):
        parse_envelope(argument, b"TO:")


@given(st.binary(max_size=200))
def test_any_octets_are_a_command_or_none(line: bytes) -> None:
    """Nothing else happens, and what is a command cannot hold a second one."""
    try:
        verb, argument = parse_command(line)
    except CommandMalformed:
        return

    assert verb.isalpha()
    assert verb == verb.upper()
    assert not set(argument) & {0, 10, 13}


_PIECES = st.sampled_from(
    [b"TO:", b"<", b">", b'"', b"\\", b" ", b"\t", b"@", b":", b"a", b"=", b"\xff", b",", b"SIZE=1"]
)


@given(st.lists(_PIECES, max_size=30).map(b"".join))
def test_any_argument_has_a_path_or_none(argument: bytes) -> None:
    """What is found stands in brackets in the argument, and ends before a blank or its end."""
    try:
        envelope = parse_envelope(argument, b"TO:")
    except (KeywordMissing, PathMalformed):
        return

    bracketed = b"<" + envelope.path + b">"
    before, _, after = argument.partition(bracketed)
    assert before.strip(b" \t") == b"TO:"
    assert after[:1].strip(b" \t") == b""


def test_long_argument_takes_no_longer_than_its_length() -> None:
    """Quotes and brackets without their ends are looked at once."""
    for argument in (b"TO:<" + b'"\\' * 500_000, b"TO:<" + b"a@" * 500_000, b"TO:" + b"<" * 10**6):
        with pytest.raises(PathMalformed):
            parse_envelope(argument, b"TO:")
