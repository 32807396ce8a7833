"""Edits made in the encoded form of a body, judged by the standard library's decoders."""

import base64
import quopri

import pytest

from injector_service.rewriting.edit import Edit, applied
from injector_service.rewriting.outcome import Outcome
from injector_service.rewriting.transfer_encoding.base64_body import Base64Body
from injector_service.rewriting.transfer_encoding.body import Body, read_body
from injector_service.rewriting.transfer_encoding.quoted_printable import QuotedPrintableBody
from injector_service.rewriting.transfer_encoding.quoted_printable_writing import fold
from tests.mail.line_ends import stray_line_end

INSERT = b'<img src="https://open.example.org/o/' + b"x" * 120 + b'.gif" alt="">'


def edited(body: Body, encoded: bytes, *edits: Edit) -> bytes:
    """Return the encoded body with edits of its text made."""
    made = body.encoded_edits(edits)
    assert made is not None
    return applied(encoded, made)


def inserted_at(position: int) -> Edit:
    """Return the edit that inserts at a position of the text."""
    return Edit(start=position, end=position, insert=INSERT)


def longest(encoded: bytes) -> int:
    """Return the length of the longest line."""
    return max(len(line.rstrip(b"\r")) for line in encoded.split(b"\n"))


QUOTED_PRINTABLE = {
    "plain": b"<p>Hello</p>\n</body>\n",
    "soft break in a tag": b"<p>Hello</p>=\n</bo=\ndy>\n",
    "escaped tag": b"<p>Hello=3C/p>=3c/b=6Fdy=3E\n",
    "lower-case hex": b"na=c3=afve=0d=0a</body>\n",
    "blanks at line ends": b"Hello  \n\t\n</body> \n",
    "padding after a soft break": b"Hello= \t\n</body>\n",
    "ends with a soft break": b"Hello=\n",
    "ends with an equals sign": b"Hello=",
    "not really quoted-printable": b'<a href="x?a=b&c=">100% = \xe9</a>\n',
    "escaped line ends": b"<body>=0A=\n<p>Hello</p>=0D=0A= \nHello=33=\n3=0A=\n=0A=\n</body>\n",
    "full line": b"x" * 76 + b"\n" + b"y" * 75 + b"=\n" + b"z" * 76 + b"\n",
    "full line that ends with an escape": b"x" * 73 + b"=3D",
    "long line": b"x" * 400 + b"\n" + b"y" * 300,
    "empty": b"",
}


@pytest.mark.parametrize("name", QUOTED_PRINTABLE)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_quoted_printable_insert_is_exact_everywhere(name: str, line_end: bytes) -> None:
    """At every position decoding gives text and insert, and no line becomes too long."""
    encoded = QUOTED_PRINTABLE[name].replace(b"\n", line_end)
    body = QuotedPrintableBody(encoded, line_end=line_end)

    for position in range(len(body.octets) + 1):
        if body.octets[position - 1 : position + 1] == b"\r\n":
            # No place is inside a line end.
            continue
        made = body.encoded_edits([inserted_at(position)])
        if made is None:
            # A bare "=" just before: nothing can be put after it.
            assert body.octets[position - 1 : position] == b"="
            continue
        out = applied(encoded, made)
        text = body.octets[:position] + INSERT + body.octets[position:]
        assert QuotedPrintableBody(out, line_end=line_end).octets == text
        assert stray_line_end(line_end + encoded, out) is None
        assert longest(out) <= max(76, longest(encoded))


def test_quoted_printable_leaves_the_other_lines_alone() -> None:
    """Lines above and below the insert are the same octets, whatever they look like."""
    encoded = b"=48ello  \r\n=\r\n</body>\r\n</html>=20\r\n"
    body = QuotedPrintableBody(encoded, line_end=b"\r\n")

    out = edited(body, encoded, inserted_at(body.octets.index(b"</body")))

    assert out.startswith(b"=48ello  \r\n=\r\n<img src=3D")
    assert out.endswith(b"</body>\r\n</html>=20\r\n")


def test_quoted_printable_removal_does_not_join_lines_into_a_long_one() -> None:
    """Text that spanned a soft break is removed without a line over 76 octets."""
    encoded = b"x" * 60 + b"{{openTracke=\n" + b"r}}" + b"y" * 70 + b"\n"
    body = QuotedPrintableBody(encoded, line_end=b"\n")
    start = body.octets.index(b"{{")

    out = edited(body, encoded, Edit(start=start, end=start + 15, insert=b""))

    assert quopri.decodestring(out) == b"x" * 60 + b"y" * 70 + b"\n"
    assert longest(out) <= 76


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("escaped", [b"=0A", b"=0D=0A", b"=0d=0a", b"=33"])
def test_quoted_printable_removal_beside_an_escape_is_exact(
    escaped: bytes, line_end: bytes
) -> None:
    """What an escape says is not looked for inside of it, nor in the soft break after it."""
    encoded = b"<p>Hi</p>" + (escaped + b"=" + line_end + b"{{openTracker}}") * 2
    encoded += escaped + b"=" + line_end + b"333</body>"
    body = QuotedPrintableBody(encoded, line_end=line_end)
    start = body.octets.rindex(b"{{")

    out = edited(body, encoded, Edit(start=start, end=start + 15, insert=b""))

    assert out.count(b"\n") == out.count(line_end) == 3
    assert quopri.decodestring(out) == body.octets[:start] + body.octets[start + 15 :]


def test_several_edits_are_made_at_once() -> None:
    """Text between two edits stays as it is encoded."""
    encoded = b"a=3Db one =3D two c=3Dd"
    body = QuotedPrintableBody(encoded, line_end=b"\n")

    out = edited(
        body, encoded, Edit(start=4, end=8, insert=b""), Edit(start=9, end=9, insert=b"<b>")
    )

    assert out == b"a=3Db =3D<b> two c=3Dd"


def test_folded_line_does_not_begin_with_a_dot() -> None:
    """A dot that would begin a line is written as =2E, for servers that lose it."""
    out = fold(b"x" * 75 + b".gif", column=0, rest=0, line_end=b"\n")

    assert out == b"x" * 75 + b"=\n=2Egif"


def wrapped(text: bytes, width: int, line_end: bytes) -> bytes:
    """Return base64 in lines of one width."""
    characters = base64.b64encode(text)
    lines = [characters[at : at + width] for at in range(0, len(characters), width)]
    return line_end.join([*lines, b""])


@pytest.mark.parametrize("width", [4, 60, 61, 72, 76, 100, 10_000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 57, 170, 171, 172])
def test_base64_insert_is_exact_everywhere(width: int, line_end: bytes, size: int) -> None:
    """At every position and alignment, decoding gives the text with the insert."""
    text = bytes(65 + at % 26 for at in range(size))
    encoded = wrapped(text, width, line_end)
    body = Base64Body(encoded, line_end=line_end)
    assert body.octets == text

    for position in range(0, size + 1, 1 if size < 60 else 7):
        out = edited(body, encoded, inserted_at(position))
        assert base64.b64decode(out) == text[:position] + INSERT + text[position:]
        assert longest(out) <= max(76, width if width < 10_000 else longest(encoded))
        assert stray_line_end(line_end + encoded, out) is None
        assert line_end == b"\r\n" or b"\r" not in out


IRREGULAR = {
    "lines of any width": b"PHA+\nSGVsbG8gV29y\nbGQ8\n\nL3A+\n",
    "white space inside": b"PHA+ SGVs\tbG8g\n \nV29ybGQ8L3A+\n",
    "no padding": b"PHA+SGVsbG8gV29ybGQhPC9wPg",
    "a lone last character": b"PHA+SGVsbG8gV29ybGQ8L3A+A",
    "padding on its own line": b"PHA+SGVsbG8gV29ybGQhPC9wPg=\n=\n",
}


@pytest.mark.parametrize("name", IRREGULAR)
def test_irregular_base64_is_edited_exactly(name: str) -> None:
    """What a lenient decoder reads is kept, with the insert in it."""
    encoded = IRREGULAR[name]
    body = Base64Body(encoded, line_end=b"\n")

    for position in range(len(body.octets) + 1):
        out = edited(body, encoded, inserted_at(position))
        expected = body.octets[:position] + INSERT + body.octets[position:]
        assert Base64Body(out, line_end=b"\n").octets == expected


@pytest.mark.parametrize("encoded", [b"", b"PHA+SGVsbG8gV29ybGQhPC9wPg==", b"PHA+SGVs\r"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_base64_of_one_line_gets_line_ends_of_the_message(encoded: bytes, line_end: bytes) -> None:
    """A body without a line end of its own is broken as the message is, everywhere."""
    body = Base64Body(encoded, line_end=line_end)

    for position in range(len(body.octets) + 1):
        out = edited(body, encoded, inserted_at(position))
        assert out.count(b"\n") == out.count(line_end) > 0
        assert stray_line_end(line_end + encoded, out) is None


@pytest.mark.parametrize("stray", [b"\r", b"\r\r\n", b"\n\r", b"\r\n\r", b" \r \r\n"])
def test_base64_with_stray_line_ends_gets_no_more_of_them(stray: bytes) -> None:
    """Between CR and LF nothing is put, nor a line break after a CR that stands alone."""
    encoded = b"PHA+SGVs\r\nbG8gV29ybGQ8" + stray + b"L3A+PHA+" + stray + b"SGVsbG8h\r\n"
    body = Base64Body(encoded, line_end=b"\r\n")

    for position in range(len(body.octets) + 1):
        out = edited(body, encoded, inserted_at(position))
        assert stray_line_end(encoded, out) is None


@pytest.mark.parametrize("text", [b"<p>Hello</p>", b"<p>Hello</p>\n", b"<p>Hello!</p>\n"])
@pytest.mark.parametrize("is_padded", [True, False])
def test_footer_after_base64_stays_and_stays_text(text: bytes, *, is_padded: bool) -> None:
    """A list server's footer is kept as it is, after padding that ends the base64."""
    footer = b"\n\n_______________\nlist@example.org mailing list\n"
    text = b"<p>All the words of a letter.</p>\n" * 3 + text
    encoded = base64.b64encode(text)
    if not is_padded:
        encoded = encoded.rstrip(b"=")
    encoded += footer
    body = Base64Body(encoded, line_end=b"\n")
    assert body.octets == text

    out = edited(body, encoded, inserted_at(len(text)))

    assert out.endswith(b"=" + footer)
    decoded = base64.b64decode(out[: -len(footer)])
    # A line end may come with it: without it there would be no padding.
    assert decoded.removesuffix(b"\n") == (text + INSERT).removesuffix(b"\n")


def test_footer_longer_than_the_message_is_not_taken_for_one() -> None:
    """Without padding, what is most of the text may be the message: nothing is put before it."""
    encoded = (
        base64.b64encode(b"<p>Hi</p>")
        + b"\nAll the words. They are not base64, they are more than that.\n"
    )
    body = Base64Body(encoded, line_end=b"\n")

    assert body.encoded_edits([inserted_at(len(body.octets))]) is None
    assert body.slot(len(body.octets)) is None


@pytest.mark.parametrize("at", [0, 1, 37, 38, 60, 76])
def test_words_in_a_late_line_of_base64_hide_nothing_after_them(at: int) -> None:
    """A damaged line with blanks in it is no footer where base64 goes on beside it."""
    text = b"<p>All the words of a letter, line by line.</p>\n" * 4
    lines = base64.encodebytes(text).splitlines(keepends=True)
    lines[-2] = lines[-2][:at] + b"-- x" + lines[-2][at:]
    body = Base64Body(b"".join(lines), line_end=b"\n")

    assert body.encoded_edits([inserted_at(len(body.octets))]) is None


def test_stray_octet_in_the_first_line_hides_nothing() -> None:
    """A decoder that passes over foreign octets still reads the message, and the pixel."""
    text = b"<p>All the words of a letter, line by line.</p>\n" * 4
    lines = base64.encodebytes(text).splitlines(keepends=True)
    encoded = lines[0].replace(b"\n", b"-\n") + b"".join(lines[1:])

    out = edited(Base64Body(encoded, line_end=b"\n"), encoded, inserted_at(len(text)))

    assert base64.b64decode(out) == text + INSERT


def test_blank_line_after_the_last_group_stays() -> None:
    """Only groups are replaced, not the lines after them."""
    encoded = b"PHA+eDwvcD4=\r\n\r\n\r\n"

    out = edited(Base64Body(encoded, line_end=b"\n"), encoded, inserted_at(8))

    assert out.endswith(b"\r\n\r\n\r\n")
    assert out.rstrip() + b"\r\n\r\n\r\n" == out


def test_damaged_character_does_not_end_the_base64() -> None:
    """Something else in the middle is skipped, as decoders do, when full lines follow."""
    encoded = wrapped(b"<p>" * 200, 76, b"\n")
    damaged = encoded[:100] + b"!" + encoded[100:]

    assert Base64Body(damaged, line_end=b"\n").octets == b"<p>" * 200


@pytest.mark.parametrize(
    "encoding", [b"", b"7bit", b"8bit", b"binary", b"8bits", b"7-bit", b"hexa"]
)
def test_unknown_encoding_is_identity(encoding: bytes) -> None:
    """Names that nobody knows stand for text as it is, as they do for mail clients."""
    body = read_body(b"=3C", encoding, line_end=b"\n")

    assert not isinstance(body, Outcome)
    assert body.octets == b"=3C"


@pytest.mark.parametrize("encoding", [b"x-uuencode", b"uue", b"x-yenc"])
def test_other_encodings_are_left_alone(encoding: bytes) -> None:
    """Encodings that are none of MIME's are not written."""
    assert read_body(b"x", encoding, line_end=b"\n") is Outcome.UNSUPPORTED_ENCODING


def slotted(body: Body) -> int:
    """Fill the body's slots with text after text as edits would; return how many it has."""
    slots = 0
    for position in range(len(body.octets) + 1):
        slot = body.slot(position)
        slots += slot is not None
        for text in (INSERT, b"<i>", b"x" * 75 + b".gif=", "\N{EURO SIGN}".encode() * 300):
            made = None if slot is None else slot.encoded(text)
            if slot is not None and made is not None:
                edit = Edit(start=position, end=position, insert=text)
                assert body.encoded_edits([edit]) == [Edit(slot.start, slot.end, made)]
    return slots


@pytest.mark.parametrize("name", QUOTED_PRINTABLE)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_quoted_printable_slot_takes_what_an_edit_puts_in(name: str, line_end: bytes) -> None:
    """Everywhere; in plain lines there is one before each octet."""
    encoded = QUOTED_PRINTABLE[name].replace(b"\n", line_end)
    body = QuotedPrintableBody(encoded, line_end=line_end)

    assert slotted(body) == len(body.octets) + 1 or name != "plain"


@pytest.mark.parametrize("width", [4, 61, 76, 10_000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_base64_slot_takes_what_an_edit_puts_in(width: int, line_end: bytes) -> None:
    """Everywhere, where all lines are of one width."""
    body = Base64Body(wrapped(b"<p>Hello</p>\n" * 9, width, line_end), line_end=line_end)

    assert slotted(body) == len(body.octets) + 1


@pytest.mark.parametrize("name", IRREGULAR)
def test_irregular_base64_slot_takes_what_an_edit_puts_in(name: str) -> None:
    """Where there is one at all."""
    slotted(Base64Body(IRREGULAR[name], line_end=b"\n"))


def test_identity_slot_takes_what_fits_on_its_line() -> None:
    """As it is; what does not fit is for whoever may break lines."""
    octets = b"x" * 900 + b"\r\n<p>Hello</p>\n"
    body = read_body(b"-" + octets, b"8bit", line_end=b"\r\n", start=1)

    assert not isinstance(body, Outcome)
    assert slotted(body) == len(body.octets) + 1
    first, last = body.slot(0), body.slot(len(octets))
    assert first is not None
    assert last is not None
    assert first.encoded(b"y" * 97) == b"y" * 97
    assert first.encoded(b"y" * 98) is None
    assert last.encoded(b"y" * 998) == b"y" * 998
