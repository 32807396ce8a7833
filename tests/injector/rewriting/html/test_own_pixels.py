"""Which pixels in the HTML are ours."""

import pytest

from injector_service.rewriting.budget import Budget, TooComplexError
from injector_service.rewriting.html.own_pixels import MAX_CANDIDATES, find_own_pixels


def test_own_pixels_are_real_elements_with_our_token() -> None:
    """Only an element whose token we know is ours: not text, not a comment, not another's."""
    ours = b'<img width=1 src="https://any.example/deep/o/OURS.gif">'
    html = (
        b"<p>" + ours + b'<img src="https://any.example/o/THEIRS.gif">'
        b"<!-- " + ours + b" --><textarea>" + ours + b"</textarea>"
        b'<img src=x data-src="https://any.example/o/OURS.gif">'
        b"https://any.example/o/OURS.gif <a href='https://any.example/o/OURS.gif'>x</a>"
    )

    assert find_own_pixels(html, "OURS".__eq__, Budget(len(html))) == ((3, 3 + len(ours)),)


def test_too_many_candidates_are_too_complex() -> None:
    """Opening tokens costs time, so their number is bounded."""
    html = b'<img src="https://a.example/o/x.gif">' * (MAX_CANDIDATES + 1)

    with pytest.raises(TooComplexError):
        find_own_pixels(html, lambda _token: False, Budget(len(html)))
