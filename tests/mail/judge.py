"""An independent judge of rewritten messages.

It shares no code with the services: messages are parsed by the standard
library's ``email``, or by the Rust crate of ``fast-mail-parser`` where that
gives up, and HTML by two browsers' algorithms (Lexbor and html5lib).
"""

import codecs
import contextlib
import dataclasses
import email
import email.message
import email.utils
import enum
import re
from collections.abc import Callable, Iterator
from typing import Final

import fast_mail_parser
import html5lib
from selectolax.lexbor import LexborHTMLParser

# What stands in a document without being drawn, and what is drawn without text.
_NOT_DRAWN: Final = frozenset(
    [
        "datalist",
        "head",
        "link",
        "meta",
        "noembed",
        "noframes",
        "noscript",
        "script",
        "style",
        "template",
        "title",
    ]
)
_DRAWN: Final = frozenset(
    [
        "audio",
        "button",
        "canvas",
        "embed",
        "hr",
        "iframe",
        "img",
        "input",
        "select",
        "svg",
        "textarea",
        "video",
    ]
)
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Position(enum.Enum):
    """Where an image stands among everything that a document draws."""

    ABSENT = "absent"
    SEVERAL = "several"
    FIRST = "first"
    LAST = "last"
    ELSEWHERE = "elsewhere"


# What mail clients read and the standard library does not, in front of a message
# (a byte order mark, a mailbox's separator), in its header (blanks before a colon, RFC
# 5322 section 4.5) and in the two fields that matter.
_FRONT: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:From [^\n]*\n)?")
_BLANK_LINE: Final = re.compile(rb"^\r?\n", re.MULTILINE)
_BLANKS_BEFORE_COLON: Final = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.MULTILINE)
_FIELD: Final = re.compile(
    rb"^(content-(?:type|transfer-encoding))[ \t]*:((?:[^\n]|\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT: Final = re.compile(rb"\([^()\n]*\)")
_OPEN_QUOTE: Final = re.compile(rb'\A[^"]*"[^"\n]*(?=\s*\Z)')


def _readable(raw: bytes) -> bytes:
    """Return *raw* with a header as the standard library reads it."""
    raw = _FRONT.sub(b"", raw)
    end = found.start() if (found := _BLANK_LINE.search(raw)) else len(raw)
    return _BLANKS_BEFORE_COLON.sub(rb"\1:", raw[:end]) + raw[end:]


def stdlib_part(raw: bytes) -> email.message.Message | None:
    """Return the part that a client shows as the HTML, as the standard library sees it."""
    return next(_html_parts(email.message_from_bytes(_FIELD.sub(_plainer, raw))), None)


def _plainer(field: re.Match[bytes]) -> bytes:
    """Return a Content field without blanks before its colon, comments and other adornments."""
    name, value = field.groups()
    if b'"' not in value:
        value = _COMMENT.sub(b"", value)
    if name.lower().endswith(b"g"):
        value = value.replace(b";", b"").strip() + b"\r" * value.endswith(b"\r")
    if _OPEN_QUOTE.match(value):
        value = value.rstrip() + b'"' + value[len(value.rstrip()) :]
    return name + b":" + value


def _html_parts(part: email.message.Message) -> Iterator[email.message.Message]:
    kind = part.get_content_type()
    if part.get_content_disposition() == "attachment" or part.get_content_maintype() == "message":
        return
    if kind in {"multipart/signed", "multipart/encrypted", "multipart/report"}:
        return
    if part.is_multipart():
        for child in _as_shown(part, kind):
            yield from _html_parts(child)
    elif kind == "text/html":
        yield part


def _as_shown(part: email.message.Message, kind: str) -> list[email.message.Message]:
    """Return the parts in *part*, first the one that a client shows if only one is shown."""
    children = [child for child in part.get_payload() if isinstance(child, email.message.Message)]
    if kind == "multipart/alternative":
        children.reverse()
    start = part.get_param("start") if kind == "multipart/related" else None
    if start is not None:
        root = email.utils.collapse_rfc2231_value(start).strip().strip("<>")
        children.sort(key=lambda child: str(child["content-id"]).strip().strip("<>") != root)
    return children


def html_bodies(raw: bytes) -> Iterator[bytes]:
    """Yield the octets of the message's HTML as they are in *raw*, encoded, by each reading."""
    plain = _readable(raw)
    for octets in (plain, _FIELD.sub(_plainer, plain)):
        # As Latin-1 every octet is a character, and the standard library changes none of them.
        part = next(_html_parts(email.message_from_string(octets.decode("latin-1"))), None)
        body = part.get_payload() if part is not None else None
        if isinstance(body, str):
            yield body.encode("latin-1")


def texts(raw: bytes) -> Iterator[str]:
    """Yield the message's HTML, decoded, as each parser reads it, line ends as LF."""
    raw = _readable(raw)
    part = stdlib_part(raw)
    if part is not None:
        octets = part.get_payload(decode=True)
        assert isinstance(octets, bytes)
        yield lines(decoded(octets, _charset(part)))
    with contextlib.suppress(fast_mail_parser.ParseError):
        yield from map(lines, fast_mail_parser.parse_email(raw).text_html)


def lines(text: str) -> str:
    """Return *text* with every line end as LF."""
    return text.replace("\r\n", "\n")


def _charset(part: email.message.Message) -> str | None:
    charset = part.get_content_charset()
    # Python reads the names of Windows code pages with this prefix only.
    return charset.replace("windows-874", "cp874") if charset else None


def decoded(octets: bytes, charset: str | None) -> str:
    """Return *octets* as text, as a forgiving mail client reads them."""
    charset = next((name for mark, name in _MARKS if octets.startswith(mark)), charset) or "utf-8"
    if charset.startswith(("utf-16", "utf-32")):
        charset = _wide(octets, charset)
    try:
        return octets.decode(charset)
    except (LookupError, UnicodeError):
        return octets.decode("latin-1")


def _wide(octets: bytes, charset: str) -> str:
    """Return the byte order of markless wide text by where the zero octets of ASCII fall."""
    width = int(charset[4:6]) // 8
    if b"\0" not in octets:
        return "utf-8"
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        return charset
    first, last = octets[::width].count(0), octets[width - 1 :: width].count(0)
    return f"utf-{8 * width}-{'be' if first > last else 'le'}"


@dataclasses.dataclass(frozen=True, slots=True)
class _Drawn:
    """One thing that a document draws: a text, or an element with its source."""

    what: str
    source: str = ""


def _lexbor(text: str) -> Iterator[_Drawn]:
    root = LexborHTMLParser(text).root
    if root is None:
        return
    hidden: set[int] = set()
    for node in root.traverse(include_text=True):
        parent = node.parent
        tag = node.tag or ""
        if parent is not None and parent.mem_id in hidden:
            hidden.add(node.mem_id)
        elif tag == "-text":
            if (node.text_content or "").strip():
                yield _Drawn("text")
        elif tag in _NOT_DRAWN:
            hidden.add(node.mem_id)
        elif tag in _DRAWN:
            yield _Drawn(tag, (node.attributes.get("src") or "") if tag == "img" else "")
            hidden.add(node.mem_id)


def _html5lib(text: str) -> Iterator[_Drawn]:
    tree = html5lib.parse(text, treebuilder="etree", namespaceHTMLElements=False)
    inside = 0
    for token in html5lib.getTreeWalker("etree")(tree):
        kind, tag = token["type"], token.get("name", "")
        if inside:
            inside += (kind == "StartTag") - (kind == "EndTag")
        elif kind == "Characters":
            yield _Drawn("text")
        elif kind in {"StartTag", "EmptyTag"}:
            if tag in _DRAWN:
                yield _Drawn(tag, token["data"].get((None, "src"), ""))
            inside = kind == "StartTag" and tag in _NOT_DRAWN | _DRAWN


READERS: Final[dict[str, Callable[[str], Iterator[_Drawn]]]] = {
    "lexbor": _lexbor,
    "html5lib": _html5lib,
}


def position(text: str, url: str, reader: str) -> Position:
    """Say where the image of *url* stands in the HTML *text*, as *reader* builds the document."""
    drawn = list(READERS[reader](text))
    found = [index for index, thing in enumerate(drawn) if thing == _Drawn("img", url)]
    if len(found) != 1:
        return Position.SEVERAL if found else Position.ABSENT
    if found[0] == len(drawn) - 1:
        return Position.LAST
    return Position.ELSEWHERE if found[0] else Position.FIRST
