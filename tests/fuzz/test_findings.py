"""What the fuzzer once found, and that the fuzzer finds at all."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from injector_service.rewriting import Outcome, Pixel, Placement, RewriteWarning, Rewritten
from tests.fuzz.checks import Options, broken_promise
from tests.fuzz.fuzz_rewrite import mutant
from tests.fuzz.seeds import ROOT, load_seeds
from tests.fuzz.words import OWN_TOKEN

FINDINGS = ROOT / "tests" / "testdata" / "fuzz"
INDEX: dict[str, dict[str, Any]] = tomllib.loads((FINDINGS / "index.toml").read_text("utf-8"))

RAW = b"To: a@example.org\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n"


@pytest.mark.parametrize(
    "url",
    [
        f"https://open.example.org/o/{OWN_TOKEN}.gif",
        f"https://a.example/{'a' * 600}/o/{OWN_TOKEN}.gif",
    ],
    ids=["short", "long"],
)
@pytest.mark.parametrize("name", INDEX)
def test_message_that_broke_a_promise_once_breaks_none(name: str, url: str) -> None:
    """What was found and repaired stays repaired."""
    raw = (FINDINGS / f"{name}.eml").read_bytes()
    placement = Placement(INDEX[name].get("placement", "end"))
    options = Options(
        placement=placement,
        fields_to_remove=INDEX[name].get("fields_to_remove", ()),
        pixel=Pixel(url=url),
    )

    assert broken_promise(raw, options, options.rewrite(raw)) is None


def test_every_finding_says_what_it_broke() -> None:
    """No file without an entry, no entry without a file or a reason."""
    assert {path.stem for path in FINDINGS.glob("*.eml")} == set(INDEX)
    assert all(entry["why"] for entry in INDEX.values())


def test_mutant_is_the_same_every_time() -> None:
    """A finding can be made again from its number."""
    seeds = load_seeds()

    assert mutant(7, 11, seeds) == mutant(7, 11, seeds)
    assert mutant(7, 11, seeds) != mutant(7, 12, seeds)


def altered(rewritten: Rewritten, **changes: Any) -> Rewritten:  # noqa: ANN401 - any field
    """Return *rewritten* as a rewriter with a fault would have made it."""
    fields = {name: getattr(rewritten, name) for name in ("outcome", "splice", "pixel", "failure")}
    return Rewritten(**(fields | changes))


def test_faults_are_noticed() -> None:
    """The fuzzer's silence means something: each kind of fault is called by its name."""
    options = Options()
    good = options.rewrite(RAW)
    splice = good.splice
    assert splice is not None

    def verdict(insert: bytes, delete_count: int = 0) -> str | None:
        wrong = type(splice)(offset=splice.offset, delete_count=delete_count, insert=insert)
        return broken_promise(RAW, options, altered(good, splice=wrong))

    assert broken_promise(RAW, options, good) is None
    assert broken_promise(RAW, options, altered(good, failure=KeyError("x"))) == (
        "unexpected error KeyError('x')"
    )
    assert broken_promise(RAW, options, altered(good, pixel=None)) == (
        "outcome, pixel and splice do not agree"
    )
    assert broken_promise(RAW, options, altered(good, outcome=Outcome.SIGNED, pixel=None)) == (
        "untracked message is changed"
    )
    assert verdict(splice.insert, delete_count=9_999) == "splice is outside the message"
    assert verdict(splice.insert + b"\xe4") == "seven bits became eight"
    assert verdict(splice.insert + b"x" * 999) == "a line became too long"
    assert verdict(b"\n" + splice.insert) == "an LF stands alone"
    assert verdict(splice.insert, delete_count=1) == "text changed"
    warned = altered(good, warnings=(RewriteWarning.LARGE_HTML,))
    assert broken_promise(RAW, options, warned) == "a copy differs"
    assert verdict(splice.insert.replace(b'"1"', b'"2"')) == "text changed"


def test_seeds_hold_messages_and_pages() -> None:
    """There is something to mutate, also where there is no corpus."""
    seeds = load_seeds()

    assert len(seeds.messages) > 100
    assert len(seeds.pages) > 50
    assert all(isinstance(page, bytes) for page in seeds.pages)
    assert Path(ROOT / "examples" / "newsletter.eml").read_bytes() in seeds.messages
