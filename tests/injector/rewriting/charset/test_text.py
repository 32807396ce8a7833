"""Charsets in which an octet is not always what it looks like."""

import pytest

from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.charset.text import AsciiText, Text, read_text
from injector_service.rewriting.edit import Edit, applied
from injector_service.rewriting.outcome import Outcome

INSERT = b'<img src="x">'


def text_of(octets: bytes, charset: bytes) -> Text:
    """Return the text, which must be readable."""
    text = read_text(octets, charset, Budget(len(octets)))
    assert not isinstance(text, Outcome)
    return text


def inserted(octets: bytes, charset: bytes, before: bytes | None) -> bytes:
    """Insert before some markup, or at the end."""
    text = text_of(octets, charset)
    at = len(text.view) if before is None else text.view.index(before)
    edits = text.octet_edits([Edit(start=at, end=at, insert=INSERT)])
    assert edits is not None
    return applied(octets, edits)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("label", [b"utf-16", b"iso-8859-1", b""])
def test_wide_text_gets_a_wide_insert(codec: str, mark: str, label: bytes) -> None:
    """The NULs decide, not the label, and the byte order is the text's own."""
    octets = (mark + "<p>\u00e9\u4e00\U0001f600</p></body>").encode(codec)

    out = inserted(octets, label, b"</body>")

    assert out.decode(codec) == mark + "<p>\u00e9\u4e00\U0001f600</p>" + INSERT.decode() + "</body>"


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("utf-16-le", b"utf-16"),
        ("utf-16-be", b"utf-16be"),
        ("utf-32-le", b"utf-32"),
        ("utf-32-be", b"utf-32"),
        ("utf-16-be", b""),
    ],
)
def test_wide_text_without_markup_is_wide(codec: str, label: bytes) -> None:
    """Where there is no bracket to tell the byte order, the NULs do."""
    octets = "Hello".encode(codec)

    assert inserted(octets, label, None).decode(codec) == "Hello" + INSERT.decode()


def test_label_without_nuls_is_not_believed() -> None:
    """ASCII that is called UTF-16 stays ASCII."""
    assert isinstance(text_of(b"<p>x</p>", b"utf-16"), AsciiText)


def test_stray_nuls_make_no_wide_text() -> None:
    """A NUL or two in ordinary text do not change what it is."""
    assert isinstance(text_of(b"<p>" + b"x" * 50 + b"<\x00</p>", b"utf-8"), AsciiText)


def test_broken_wide_text_is_unsupported() -> None:
    """Half a character or a lone surrogate cannot be written exactly."""
    octets = "<p>x</p>".encode("utf-16-le") + b"\x00\xd8"

    assert read_text(octets, b"utf-16le", Budget(len(octets))) is Outcome.UNSUPPORTED_ENCODING


def test_japanese_octets_are_no_markup() -> None:
    """In ISO-2022-JP an octet of a character may look like a bracket."""
    japanese = "\u884c\u3051<\u9031/body>".encode("iso-2022-jp")
    octets = b"<body>" + japanese
    text = text_of(octets, b"iso-2022-jp")

    assert text.view.count(b"<") == 2
    assert len(text.view) == len(octets)


@pytest.mark.parametrize(
    ("label", "shifted", "back"),
    [
        (b"iso-2022-jp", b"\x1b$B9T$1", b"\x1b(B"),
        (b"", b"\x1b$B9T$1", b"\x1b(B"),
        (b"iso-2022-kr", b"\x0e<<", b"\x0f"),
        (b"hz-gb-2312", b"~{<<", b"~}"),
    ],
)
def test_insert_returns_to_ascii_first(label: bytes, shifted: bytes, back: bytes) -> None:
    """Where the text ends shifted, the way back to ASCII comes with the insert."""
    octets = b"<p>" + shifted

    assert inserted(octets, label, None) == octets + back + INSERT
    assert inserted(octets + back, label, None) == octets + back + INSERT
    assert inserted(octets, label, b"<p>") == INSERT + octets


def test_escape_in_utf8_is_only_an_escape() -> None:
    """UTF-8 has no shifts, so nothing in it is masked."""
    assert isinstance(text_of(b"<p>\x1b$B<b>", b"utf-8"), AsciiText)


@pytest.mark.parametrize(
    ("unit", "charset"),
    [(b"\x1b$B\x1b(B", b"iso-2022-jp"), (b"+AGE-", b"utf-7"), (b"~{", b"hz")],
)
def test_more_shifts_than_the_budget_has_steps_are_too_complex(unit: bytes, charset: bytes) -> None:
    """Text that does nothing but shift is not read."""
    octets = unit * 20_000

    with pytest.raises(TooComplexError):
        read_text(octets, charset, Budget(len(octets)))


@pytest.mark.parametrize(
    ("octets", "before", "expected"),
    [
        (b"<p>x</p>", b"</p>", b'<p>x<img src="x"></p>'),
        (b"+ADw-p+AD4-x+ADw-/p+AD4-", b"</p>", b'+ADw-p+AD4-x<img src="x">+ADw-/p+AD4-'),
        (b"+AOkAPA-/p>", b"</p>", b'+AOk-<img src="x">+ADw-/p>'),
        (b"1 +- 2 = +AOk", None, b'1 +- 2 = +AOk<img src="x">'),
    ],
)
def test_utf7_hides_no_markup(octets: bytes, before: bytes | None, expected: bytes) -> None:
    """Brackets in runs of base64 are seen, and runs are split where they must be."""
    out = inserted(octets, b"utf-7", before)

    assert out == expected
    plain = octets.decode("utf-7")
    assert out.decode("utf-7").replace(INSERT.decode(), "") == plain


@pytest.mark.parametrize("octets", [b"+A", b"a + b", b"+2AA-"])
def test_what_is_no_utf7_is_unsupported(octets: bytes) -> None:
    """A run that decodes to nothing, or to half a surrogate pair, is left alone."""
    assert read_text(octets, b"utf-7", Budget(len(octets))) is Outcome.UNSUPPORTED_ENCODING


@pytest.mark.parametrize("label", [b"ibm037", b"cp500", b"ebcdic-us", b"x-ibm-1047", b"johab"])
def test_charsets_without_ascii_are_unsupported(label: bytes) -> None:
    """Where "<" is another octet there is no markup to be found."""
    assert read_text(b"<p>x</p>", label, Budget(len(b"<p>x</p>"))) is Outcome.UNSUPPORTED_ENCODING


@pytest.mark.parametrize(
    "label", [b"utf-8", b"windows-1252", b"gb18030", b"big5", b"shift_jis", b"ibm850", b"x", b""]
)
def test_other_charsets_are_ascii_where_ascii_stands(label: bytes) -> None:
    """Known, unknown and missing labels of ASCII-like charsets are all the same to us."""
    octets = b"<p>\x83\x5c\xe9</p>"

    assert text_of(octets, label).view == octets
