"""The messages that the browser shows: all tracked goldens, and a sample of real mail."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from injector_service.rewriting import (
    Instructions,
    MadePixel,
    Outcome,
    Pixel,
    Rewritten,
    rewrite_message,
)
from tests.mail import golden_messages, judge

# Real messages to show, of those that are tracked.
SAMPLE: Final = 200

_RECIPIENTS: Final = ("reader@example.net",)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """One message's HTML before and after rewriting, read by a parser that is not ours."""

    name: str
    token: str
    before: str
    after: str


def messages(base_url: str) -> list[ShownMessage]:
    """Return the messages, with pixels below *base_url*."""
    return [*_goldens(base_url), *_corpus(base_url)]


def _pixel(base_url: str, number: int) -> Pixel:
    token = f"own-{number:04}" + "Kx7Qm2Zt_p9Rw4Vb6Yc8Nd1Lf3Hj5Gs0" * 4
    return Pixel(url=f"{base_url}/o/{token}.gif")


def _goldens(base_url: str) -> Iterator[ShownMessage]:
    for number, golden in enumerate(golden_messages.golden_messages()):
        if golden.is_tracked:
            raw = golden.path.read_bytes()
            pixel = _pixel(base_url, number)
            yield _shown(golden.name, raw, golden.rewrite(raw, pixel), pixel)


def _corpus(base_url: str) -> Iterator[ShownMessage]:
    corpus = os.environ.get("MAIL_CORPUS")
    if not corpus:
        return
    tracked: list[tuple[str, bytes, Rewritten, Pixel]] = []
    for file in sorted(Path(corpus).rglob("*")):
        if file.is_file() and file.suffix != ".md":
            raw = file.read_bytes()
            pixel = _pixel(base_url, 5_000 + len(tracked))
            rewritten = rewrite_message(
                raw,
                Instructions(
                    recipients=_RECIPIENTS,
                    make_pixel=lambda _header, _most, pixel=pixel: MadePixel(pixel),  # type: ignore[misc]  # bound early
                    is_own_token=golden_messages.is_own_token,
                ),
            )
            if rewritten.outcome is Outcome.TRACKED:
                tracked.append((file.relative_to(corpus).as_posix(), raw, rewritten, pixel))
    # Spread over all folders, the same in every run.
    step = max(len(tracked) // SAMPLE, 1)
    for name, raw, rewritten, pixel in tracked[::step][:SAMPLE]:
        yield _shown(name, raw, rewritten, pixel)


def _shown(name: str, raw: bytes, rewritten: Rewritten, pixel: Pixel) -> ShownMessage:
    """Pair what the same parser reads before and after."""
    afters = list(judge.texts(rewritten.message(raw)))
    befores = list(judge.texts(raw))
    pairs = list(zip(befores, afters, strict=False)) if befores else [("", text) for text in afters]
    markup = pixel.markup().decode()
    pair = next((pair for pair in pairs if markup in pair[1]), ("", ""))
    token = Pixel.token_of(pixel.url)
    assert token is not None
    return ShownMessage(name=name, token=token, before=pair[0], after=pair[1])
