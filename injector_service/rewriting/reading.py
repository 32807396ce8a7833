"""Reads a message as far as a pixel needs it: its HTML part, what that says, the place in it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from injector_service.rewriting.budget import Budget
from injector_service.rewriting.charset import AsciiText, Text, read_text
from injector_service.rewriting.html import inline_protection
from injector_service.rewriting.mime import Header, HtmlPart, find_html_part
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.plan import Plan, plan_edits
from injector_service.rewriting.transfer_encoding import Body, read_body

# Gmail cuts a message off after this much HTML and does not load what was cut.
LARGE_HTML_OCTETS: Final = 102 * 1024


class Ground(NamedTuple):
    """Where the pixel goes, and all that this rests on: known before there is a pixel."""

    part: HtmlPart
    body: Body
    text: Text
    plan: Plan
    warnings: tuple[RewriteWarning, ...]
    is_usual: bool
    """Whether it is sure that a second rewriting would change nothing."""


def read_ground(
    raw: bytes,
    header: Header,
    placement: Placement,
    is_own_token: Callable[[str], bool],
    budget: Budget,
) -> Ground | Outcome:
    """Return where in *raw* a pixel goes, or why there is no place.

    Raises:
        TooComplexError: it takes more steps than *budget* has.
    """
    part = find_html_part(raw, header, budget)
    if isinstance(part, Outcome):
        return part
    budget.allow_text(part.end - part.start)
    body = read_body(
        raw, part.transfer_encoding, line_end=part.line_end, start=part.start, end=part.end
    )
    if isinstance(body, Outcome):
        return body
    text = _unprotected_text(body, part, budget)
    if isinstance(text, Outcome):
        return text
    is_limited = text.is_ascii_compatible and not body.breaks_lines
    plan = plan_edits(
        text.view,
        placement,
        is_own_token,
        budget,
        line_end=part.line_end if is_limited else None,
    )
    if isinstance(plan, Outcome):
        return plan
    is_usual = isinstance(text, AsciiText) and b"\0" not in text.view
    return Ground(
        part=part,
        body=body,
        text=text,
        plan=plan,
        warnings=plan.warnings + _warnings(header, text.view),
        is_usual=is_usual and not (plan.removes or part.before),
    )


def _unprotected_text(body: Body, part: HtmlPart, budget: Budget) -> Text | Outcome:
    text = read_text(body.octets, part.charset, budget)
    return text if isinstance(text, Outcome) else inline_protection(text.view) or text


def _warnings(header: Header, html: bytes) -> tuple[RewriteWarning, ...]:
    warnings: tuple[RewriteWarning, ...] = ()
    if len(html) > LARGE_HTML_OCTETS:
        warnings += (RewriteWarning.LARGE_HTML,)
    if header.find(b"dkim-signature") is not None:
        warnings += (RewriteWarning.ALREADY_DKIM_SIGNED,)
    return warnings
