"""Pixels of ours that a reply quotes in another form than an image's source."""

import pytest

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.html import find_own_pixels

OWN = b"https://any.example/deep/o/OURS.gif"
OTHER = b"https://any.example/o/THEIRS.gif"


def without_own(html: bytes) -> bytes:
    """Return *html* without what is found to be ours."""
    text = html.replace(b"OWN", OWN).replace(b"OTHER", OTHER)
    spans = find_own_pixels(text, "OURS".__eq__, Budget(len(text)))
    assert isinstance(spans, tuple)
    assert list(spans) == sorted(spans)
    left = html.replace(b"OWN", OWN).replace(b"OTHER", OTHER)
    for start, end in reversed(spans):
        left = left[:start] + left[end:]
    return left.replace(OWN, b"OWN").replace(OTHER, b"OTHER")


@pytest.mark.parametrize(
    ("html", "left"),
    [
        (b'<td width=1 background="OWN">', b"<td width=1>"),
        (b"<TABLE BACKGROUND=OWN border=0>", b"<TABLE border=0>"),
        (b"<body background='\n OWN?x=1 '>x", b"<body>x"),
        (b'<td background="OWN"width=1>', b"<td width=1>"),
        (b'<td a="b"background="OWN"/>', b'<td a="b"/>'),
        (b'<img src="x.png" srcset="OWN 1x, OWN?2 2x">', b'<img src="x.png">'),
        (b"<source srcset=OWN>", b"<source>"),
        (b'<v:fill type="tile" src="OWN"/>', b'<v:fill type="tile"/>'),
        (b'<V:imagedata Src="OWN" O:HREF="OWN" o:title=""/>', b'<V:imagedata o:title=""/>'),
        (
            b'<!--[if gte vml 1]><v:shape><v:imagedata src="OWN"/></v:shape><![endif]-->',
            b"<!--[if gte vml 1]><v:shape><v:imagedata/></v:shape><![endif]-->",
        ),
        (
            b'<p><img src="OWN"></p><!-- a --><td background="OWN"><td background="OWN">',
            b"<p></p><!-- a --><td><td>",
        ),
        (b'<style background="OWN">a</style>', b"<style>a</style>"),
        (b"=\"<a b='>'>< background=OWN><td background=OWN>", b"=\"<a b='>'>< background=OWN><td>"),
    ],
)
def test_attribute_that_loads_our_pixel_is_taken_out(html: bytes, left: bytes) -> None:
    """Backgrounds, sets of sources and VML load nothing of ours any more; the rest stays."""
    assert without_own(html) == left


@pytest.mark.parametrize(
    "html",
    [
        b'<td background="OTHER">OWN',
        b'<img src="x.png" srcset="OWN 1x, OTHER 2x">',
        b'<img src="x.png" data-srcset="OWN">',
        b'<td title="OWN" style="background: url(OWN)"><input src="OWN">',
        b'<!-- <td background="OWN"> <v:fill src="OWN"/> -->',
        b'<!--[if mso]><td background="OWN"><a b="<v:fill src=OWN>"><![endif]-->',
        b'<style><td background="OWN"></style><textarea><v:fill src="OWN"/></textarea>',
        b"<a title='<td background=OWN>'>x</a>",
        b'<!--[if vml]><v:fill -- src="OWN"><![endif]-->',
        b"<td " + b"x" * 2_001 + b' background="OWN">',
        b'<td background="OWN" title="',
        b"\"background='OWN'",
    ],
)
def test_what_does_not_load_our_pixel_alone_stays(html: bytes) -> None:
    """Text, comments, values and sources of others are not ours to take out."""
    assert without_own(html) == html


def test_only_so_many_tags_are_looked_at() -> None:
    """A hundred are more than a thread of replies quotes; beyond them they stay."""
    left = without_own(b"<td background=OWN>" * 101)

    assert left == b"<td>" * 100 + b"<td background=OWN>"
