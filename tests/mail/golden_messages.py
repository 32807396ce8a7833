"""The golden messages: what the index says about each of them."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, Final, Literal

from injector_service.rewriting import (
    Instructions,
    MadePixel,
    Outcome,
    Pixel,
    Placement,
    Rewritten,
    rewrite_message,
)

MESSAGES: Final = Path(__file__).parents[1] / "testdata" / "messages"

# A URL of the usual length, so that line limits matter as they do in practice.
PIXEL: Final = Pixel(
    url="https://opens.example.com/o/own-" + "Kx7Qm2Zt_p9Rw4Vb6Yc8Nd1Lf3Hj5Gs0" * 4 + ".gif"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """One message of the index.

    *pixel_after* and *pixel_before* are the decoded HTML on both sides of the
    pixel, blanks at the joint apart; empty means that there is nothing else.
    They were written by hand before the golden file was made.  *known_fault*
    says what becomes of the message instead, until that is mended; its golden
    file is what ought to become of it and was made by hand as well.
    """

    name: str
    why: str
    outcome: str = "tracked"
    warnings: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    fields_to_remove: tuple[str, ...] = ()
    placement: str = "end"
    line_ends: Literal["any", "as is"] = "any"
    pixel_after: str = ""
    pixel_before: str = ""
    position: str = "last"
    known_fault: str = ""

    @property
    def path(self) -> Path:
        """The message."""
        return MESSAGES / f"{self.name}.eml"

    @property
    def golden_path(self) -> Path:
        """What becomes of it; there is no such file if it stays as it is."""
        return MESSAGES / f"{self.name}.golden.eml"

    def rewrite(self, raw: bytes, pixel: Pixel = PIXEL) -> Rewritten:
        """Rewrite *raw* with the options of the index."""
        return rewrite_message(
            raw,
            Instructions(
                recipients=self.recipients,
                placement=Placement(self.placement),
                make_pixel=lambda _header, _most: MadePixel(pixel),
                is_own_token=is_own_token,
                fields_to_remove=self.fields_to_remove,
            ),
        )

    @property
    def is_tracked(self) -> bool:
        """Whether the message is to carry a pixel."""
        return self.outcome == Outcome.TRACKED.value


def is_own_token(token: str) -> bool:
    """Whether *token* is one of those that stand for ours in the messages."""
    return token.startswith("own-")


def golden_messages() -> list[Golden]:
    """Return the entries of the index."""
    index = tomllib.loads((MESSAGES / "index.toml").read_text("utf-8"))
    return [_golden(name, entry) for name, entry in index.items()]


def _golden(name: str, entry: dict[str, Any]) -> Golden:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
    return Golden(name=name, **values)
