"""What becomes of messages of every kind, octet for octet; the index says why each exists."""

import pytest

from tests.mail.golden_messages import MESSAGES, PIXEL, Golden, golden_messages
from tests.mail.judge import READERS, position, texts
from tests.mail.line_ends import stray_line_end

GOLDENS = golden_messages()
CHANGED = [golden for golden in GOLDENS if golden.is_tracked or golden.fields_to_remove]
TRACKED = [golden for golden in GOLDENS if golden.is_tracked]


def each(goldens: list[Golden], *, strict: bool = False) -> pytest.MarkDecorator:
    """Run a test with each of *goldens*; one with a known fault must fail it if *strict*."""
    cases = [
        pytest.param(
            golden,
            id=golden.name,
            marks=pytest.mark.xfail(
                bool(golden.known_fault), reason=golden.known_fault, strict=strict
            ),
        )
        for golden in goldens
    ]
    return pytest.mark.parametrize("golden", cases)


def with_line_feeds(octets: bytes, golden: Golden) -> bytes:
    return octets if golden.line_ends == "as is" else octets.replace(b"\r\n", b"\n")


def test_every_golden_message_is_in_the_index() -> None:
    """The index and the folder name the same messages, 150 or more, each for its own reason."""
    inputs = {path.name for path in MESSAGES.glob("*.eml")}
    expected = {golden.path.name for golden in GOLDENS}
    expected |= {golden.golden_path.name for golden in CHANGED}

    assert inputs == expected
    assert len(GOLDENS) >= 150
    assert len({golden.why for golden in GOLDENS}) == len(GOLDENS)


@each(GOLDENS, strict=True)
def test_message_becomes_its_golden_message(golden: Golden, pytestconfig: pytest.Config) -> None:
    """With CRLF as line end, outcome, warnings and every octet are as recorded."""
    raw = golden.path.read_bytes()

    rewritten = golden.rewrite(raw)

    if pytestconfig.getoption("--update-golden") and not golden.known_fault:
        update(golden, raw, rewritten.message(raw))
    expected = golden.golden_path.read_bytes() if golden in CHANGED else raw
    assert rewritten.failure is None
    assert rewritten.outcome.value == golden.outcome
    assert tuple(warning.value for warning in rewritten.warnings) == golden.warnings
    assert rewritten.message(raw) == expected


def update(golden: Golden, raw: bytes, output: bytes) -> None:
    if output != raw or golden in CHANGED:
        golden.golden_path.write_bytes(output)
    else:
        golden.golden_path.unlink(missing_ok=True)


@each(GOLDENS)
def test_message_with_line_feeds_becomes_the_same(golden: Golden) -> None:
    """With LF as line end, the result is the golden message with LF as line end."""
    raw = with_line_feeds(golden.path.read_bytes(), golden)
    recorded = golden.golden_path.read_bytes() if golden in CHANGED else golden.path.read_bytes()

    assert golden.rewrite(raw).message(raw) == with_line_feeds(recorded, golden)


@each(CHANGED)
def test_no_line_end_is_left_alone(golden: Golden) -> None:
    """No CR or LF stands alone in the output that did not in the input."""
    message = golden.path.read_bytes()

    for raw in (message, with_line_feeds(message, golden)):
        assert stray_line_end(raw, golden.rewrite(raw).message(raw)) is None


@each(TRACKED)
def test_second_rewriting_changes_nothing(golden: Golden) -> None:
    """Rewriting twice equals rewriting once."""
    raw = golden.path.read_bytes()
    once = golden.rewrite(raw).message(raw)

    assert golden.rewrite(once).message(once) == once


@each(TRACKED)
def test_pixel_stands_between_the_words_of_the_index(golden: Golden) -> None:
    """Decoded by other programs, the HTML holds the pixel at the place that was foretold."""
    markup = PIXEL.markup().decode("ascii")
    raw = golden.path.read_bytes()
    seen = list(texts(golden.rewrite(raw).message(raw)))

    places = [text.partition(markup) for text in seen if text.count(markup) == 1]
    assert any(
        meets(left.rstrip(), golden.pixel_after.rstrip(), at_end=True)
        and meets(right.lstrip(), golden.pixel_before.lstrip(), at_end=False)
        for left, _, right in places
    ), seen


def meets(text: str, snippet: str, *, at_end: bool) -> bool:
    """Whether *text* has *snippet* at the joint, or is as empty as it."""
    if not snippet:
        return not text.strip("\ufeff")
    return text.endswith(snippet) if at_end else text.startswith(snippet)


@each(TRACKED)
@pytest.mark.parametrize("reader", READERS)
def test_pixel_is_an_image_of_the_document(golden: Golden, reader: str) -> None:
    """An HTML parser makes one image of the pixel, last in the body unless the index says else."""
    raw = golden.path.read_bytes()
    seen = list(texts(golden.rewrite(raw).message(raw)))

    positions = {position(text, PIXEL.url, reader).value for text in seen}
    assert golden.position in positions
