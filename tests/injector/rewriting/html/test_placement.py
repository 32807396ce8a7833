"""Where in HTML the pixel goes.  "^" marks the place in every text here."""

import random

import pytest

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.html.placement import Place, find_place
from injector_service.rewriting.html.scan import scan_html
from injector_service.rewriting.html.shortcut import end_of_body
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning


def place_in(marked: bytes, placement: Placement = Placement.END) -> Place:
    """Return the place found in a text without its mark."""
    place = find_place(marked.replace(b"^", b""), placement, Budget(len(marked)))
    assert isinstance(place, Place)
    return place


AT_THE_END = {
    "before the end of the body": b"<html><body><p>x</p>^</body></html>\r\n",
    "before the last of several": b"<body>a</body><p>b</p>^</body>",
    "upper case with blanks": b"<BODY>x^</BODY >\n",
    "nothing": b"^",
    "fragment": b"<p>x</p>^\r\n\r\n",
    "text": b"Hello^ \n",
    "in a comment": b"<body>x^</body><!-- </body> -->",
    "in a conditional comment": b"<body>x^</body><!--[if mso]></body><![endif]-->",
    "in a script": b"<body>x^</body><script>'</body>'</script>",
    "in a style": b"<body>x^</body><style></body></style>",
    "in a title": b"<title></body></title>x^",
    "in a textarea": b"<textarea></body></textarea>x^",
    "in an attribute": b'<body>x<a title="</body>">y</a>^',
    "in an attribute with brackets": b'<body>x<a title="><b></body>">y</a>^',
    "in an attribute in single quotes": b"<body>x<a title='</body>'>y</a>^",
    "in a template": b"<body>x<template></body></template>^</body>",
    "apostrophes in text": b"<body>don't <b>can't</b> won't^</body>",
    "quotes in text": b'<body>a ="b" <b>5" = x</b>^</body>',
    "less-than in text": b"<body>1 < 2 <3^</body>",
    "short comments": b"<body>x<!--><!---><!-- --!>^</body>",
    "comment not closed": b"<body>x^<!-- </body>",
    "rotated comment not closed": b"<body>x^<!--#rotate></body>",
    "style not closed": b"<body>x^<style></body></html>",
    "title not closed": b"<head>^<title>x</head><body></body>",
    "textarea not closed": b"<body>x^<textarea></body>",
    "end tag of a style not closed": b"<body>x^<style></style ",
    "end tag of a title not closed": b"<body>x^<title>y</title a='></body>",
    "script not closed": b"<body>x^<script>'</body>",
    "select not closed": b"<body>x^<select><option></body>",
    "template not closed": b"<body>x^<template><p></body>",
    "object not closed": b"<body>x^<object><p></body>",
    "noscript not closed": b"<body>x^<noscript></body>",
    "iframe not closed": b"<body>x^<iframe></body>",
    "quote not closed": b'<body>x^<a href="y></body>\n',
    "tag not closed": b"<body>x^<a href=y",
    "plain text": b"<body>x^<plaintext></body>",
    "title without text": b"<head>^<title/no text</title></head><body></body>",
    "script in a comment in a script": b"<body>x^<script><!--<script></script></body>",
    "script that ends after a comment": b"<script><!--<script></script>--></script>^</body>",
    "objects in objects": b"<body>^<object><object></object></body>",
    "closed containers": b"<select></select><object></object><noscript></noscript>x^</body>",
    "revealed conditional closed": b"<!--[if !mso]><!-->x<!--<![endif]-->y^</body>",
    "revealed conditional around the body": b"<!--[if !mso]><!-->x^</body><!--<![endif]-->",
    "downlevel conditional around the body": b"<body><![if !mso]>x^</body><![endif]>",
    "svg": b"<body><svg><title>a</title><path/></svg>x^</body>",
    "svg not closed": b"<body><svg><path/>^</body>",
    "markup in a style in svg": b"<body><svg><style><p></style></svg>^</body>",
    "comment in a style in svg": b"<body>^<svg><style><!--</style></svg></body>",
    "end tag in a template after the body": b"<p>x</p>^</body><template></body></template>",
    "hidden preheader": b'<body><div style="display:none">p</div>x^</body>',
    "hidden attribute": b"<body>x^<div hidden>y</body>",
    "hidden attribute with a value": b"<body>x^<div class=a hidden='until-found'>y</body>",
    "hidden attribute closed": b"<div hidden>x</div>y^</body>",
    "overflow hidden": b'<div style="overflow: hidden ; x:hidden">x^</body>',
    "hiding words in another attribute": b'<div title="display:none hidden ">x^</body>',
    "hidden preheader with elements": b'<div style="display:none"><div>p</div></div>x^</body>',
    "hidden element not closed": b'<body>a^<div style="display : none"><p>x</body>',
    "hidden cell": b'<table><tr><td style="display:none">a<td>b</table>^</body>',
    "hidden paragraph": b'<p style="display:none">a<p>b^</body>',
    "hidden in a comment": b'<!-- <div style="display:none"> -->x^</body>',
    "hidden by a style sheet": b"<style>.a{display:none}</style>x^</body>",
    "hidden in a closed container": b'<object><div style="display:none"></object>x^</body>',
    "hidden image": b'<img style="display:none">x^</body>',
    "hidden in an attribute": b"<a title='<div style=display:none>'>x</a>^</body>",
}


@pytest.mark.parametrize("name", AT_THE_END)
def test_pixel_goes_to_the_end_of_the_body(name: str) -> None:
    """The place is the last that a client loads an image from, and never inside anything."""
    marked = AT_THE_END[name]

    assert place_in(marked) == Place(spot=marked.index(b"^"))


AT_THE_START = {
    "after the body tag": b"<html><body class=x>^<p>y</p></body>",
    "body tag with brackets": b'<body title="a>b">^x',
    "body tag in a comment": b"<!-- <body> --><body>^x",
    "body tag in a title": b"<title><body></title><body>^x",
    "no body tag": b"<!DOCTYPE html>\n<html><head><title>a</title></head>\n^<p>x</p>",
    "comment in the head": b"<html><!-- a --><meta charset=utf-8>^<p>x</p>",
    "fragment": b"^<p>x</p>",
    "byte order mark": b"\xef\xbb\xbf^<p>x</p>",
    "text": b"^Hello",
    "nothing but a head": b"<head><title>x</title></head>^\n",
    "title not closed": b"<head>^<title>x",
    # It begins no body there: the text before it has begun one.
    "body tag in a noscript": b"^Hello <noscript><body>x",
    "body tag after text": b"<html><head><title>a</title></head>^<p>a<body>x",
    "body tag after an image": b"<!-- a -->^<img src=a><body>x",
    "body tag after text in a container": b"<noscript>a</noscript><template>b</template><body>^x",
    "body tag after an empty element": b"<p></p> <body>^x",
    "body tag in a hidden element": b"^<div hidden><body>x",
    "hidden element after the body tag": b"<body>^<div style='display:none'>x</div>y",
    # There is no body tag then, and a template belongs to a head.
    "body tag in a template": b"^<template><body></template>x",
}


@pytest.mark.parametrize("name", AT_THE_START)
def test_pixel_goes_to_the_start_of_the_body(name: str) -> None:
    """With START the place is right after ``<body …>``, or where the body would begin."""
    marked = AT_THE_START[name]

    assert place_in(marked, Placement.START) == Place(spot=marked.index(b"^"))


@pytest.mark.parametrize("word", [b"{{openTracker}}", b"{{ses:openTracker}}"])
def test_placeholder_moves_the_pixel_and_goes_away(word: bytes) -> None:
    """The first placeholder is the place, all of them are removed."""
    html = b"<body>a" + word + b"b" + word + b"</body>"

    place = find_place(html, Placement.END, Budget(len(html)))

    second = 8 + len(word)
    expected = Place(spot=7, removals=((7, 7 + len(word)), (second, second + len(word))))
    assert place == expected


@pytest.mark.parametrize(
    "marked",
    [
        b'<body><a title="{{openTracker}}">x</a>^</body>',
        b"<body><script>{{openTracker}}</script>x^</body>",
        b"<body><!-- {{openTracker}} -->x^</body>",
        b"<body>{{opentracker}} {{ openTracker }} {openTracker}x^</body>",
    ],
)
def test_what_is_no_placeholder_stays(marked: bytes) -> None:
    """In attributes, scripts and comments, or in another spelling, it is only text."""
    assert place_in(marked) == Place(spot=marked.index(b"^"))


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"<object>", b"</object>"), (b'<div style="display:none">', b"</div>"), (b"<p hidden>", b"")],
)
def test_placeholder_that_hides_the_pixel_does_not_count(before: bytes, after: bytes) -> None:
    """Where an image might not be loaded the next placeholder is taken, or the usual place."""
    word = b"{{openTracker}}"
    html = b"<body>" + before + word + after + b"<p>x</p></body>"
    start = html.index(word)
    hidden = (start, start + len(word))

    alone = find_place(html, Placement.END, Budget(len(html)))
    beside = find_place(html.replace(b"x", word), Placement.END, Budget(len(html)))

    assert alone == Place(spot=html.index(b"</body>"), removals=(hidden,))
    seen = html.index(b"x</p>")
    assert beside == Place(spot=seen, removals=(hidden, (seen, seen + len(word))))


def test_hidden_body_is_warned_of() -> None:
    """There is no way out of a hidden body, so the sender is told."""
    html = b'<body style="display:none">x</body>'

    for placement, spot in ((Placement.END, 28), (Placement.START, 27)):
        expected = Place(spot=spot, warnings=(RewriteWarning.PIXEL_MAY_NOT_LOAD,))
        assert find_place(html, placement, Budget(len(html))) == expected


@pytest.mark.parametrize(
    "html",
    [
        b"<html><frameset><frame src=x><noframes><body>x</body></noframes></frameset>",
        b"<html><head></head><frameset cols=1><frame src=x></frameset></body></html>",
        b"<!-- a --><title>b</title><p> </p><frameset></frameset>x</body>",
        b"<head><script>a</script><noscript>b</noscript></head><frameset></body>",
        b"<input type=hidden><frameset></body>",
        b"<p></p></body><frameset>",
    ],
)
@pytest.mark.parametrize("placement", Placement)
def test_frames_have_no_place(html: bytes, placement: Placement) -> None:
    """A frame set has no body that could hold an image."""
    assert find_place(html, placement, Budget(len(html))) is Outcome.NO_HTML_PART


@pytest.mark.parametrize(
    "marked",
    [
        b"<p>hello</p><frameset><frame></frameset>^\r\n",
        b"<p>hello</p><frameset><frame></frameset>^</body>",
        b"<body><frameset></frameset>^</body>",
        b"<table></table><frameset>^",
        b"</br><frameset>^",
        b"<title>a</title>&nbsp;<!-- b --><frameset>^",
    ],
)
def test_frames_that_browsers_ignore_are_passed_over(marked: bytes) -> None:
    """After something that is drawn, or ``<body>``, ``<frameset>`` changes nothing."""
    assert place_in(marked) == Place(spot=marked.index(b"^"))


@pytest.mark.parametrize("gap", [b" ", b" " * 9_000])
@pytest.mark.parametrize(
    ("before", "are_ignored"),
    [
        (b"<html><body>", True),
        (b"<title><body></title>", False),
        (b"<!-- <body> -->", False),
        (b"<a title='<body>'>", False),
        (b"<bodyguard>", False),
        (b"", False),
    ],
)
def test_only_a_real_body_tag_keeps_frames_away(
    before: bytes, gap: bytes, *, are_ignored: bool
) -> None:
    """However large the text is, what only looks like a tag does not begin the body."""
    html = before + gap + b"<frameset></frameset></body>"

    expected = Place(spot=len(html) - 7) if are_ignored else Outcome.NO_HTML_PART
    assert find_place(html, Placement.END, Budget(len(html))) == expected


def test_many_comments_before_frames_are_looked_through() -> None:
    """However many they are, what is drawn after them keeps frames away."""
    html = b"<!-- a -->" * 1_001 + b"x<frameset></body>"

    assert find_place(html, Placement.END, Budget(len(html))) == Place(spot=len(html) - 7)


PIECES = (
    b"<body>", b"</body>", b"<!--", b"-->", b"<style>", b"</style>", b"<script>", b"</script>",
    b"<title/x", b"<title a='", b"</title>", b"<textarea ", b"<svg>", b"<table>", b"<object>",
    b"text ", b"don't ", b'"', b"'", b"=", b'="', b">", b"<", b'<a href="', b"<a b=c>", b"</",
    b"<!--[if !mso]><!-->", b"<!--<![endif]-->", b"<![endif]>", b"<br/>", b"<a ='", b"<!", b"\n",
)  # fmt: skip


def test_shortcut_says_what_the_scan_says_or_nothing() -> None:
    """Where the end of the body is found without a scan, the scan would have found it there."""
    chance = random.Random(3)  # noqa: S311 - a test that repeats itself exactly
    agreed = 0
    for _ in range(20_000):
        html = b"".join(chance.choices(PIECES, k=chance.randrange(1, 12)))
        shortcut = end_of_body(html, Budget(len(html)))
        if shortcut is None:
            continue
        scan = scan_html(html, Budget(len(html)))
        spot = scan.body_close or scan.end
        assert shortcut[0] == spot.offset == spot.outside, html
        agreed += 1

    assert agreed > 1_000
