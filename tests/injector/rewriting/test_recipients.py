"""Who is tracked: exactly one recipient."""

import pytest

from injector_service.rewriting.outcome import Outcome
from injector_service.rewriting.recipients import refusal_for_recipients
from tests.mail.headers import header_of


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        (["To: a@example.org"], None),
        (["To: A <a@example.org>", "Cc: a@EXAMPLE.org"], None),
        (["To: a@example.org", "To: a@example.org"], None),
        (["Bcc: a@example.org", "To: undisclosed-recipients:;"], None),
        (["To: G: a@example.org;"], None),
        (["To: a@example.org, b@example.org"], Outcome.SEVERAL_RECIPIENTS),
        (["To: a@example.org", "Cc: b@example.org"], Outcome.SEVERAL_RECIPIENTS),
        (["To: a@example.org", "Bcc: b@example.org"], Outcome.SEVERAL_RECIPIENTS),
        (["To: A@example.org", "Cc: a@example.org"], Outcome.SEVERAL_RECIPIENTS),
        (["To: a@example.org", 'Cc: "open'], Outcome.SEVERAL_RECIPIENTS),
        (['To: "open'], Outcome.NO_RECIPIENT),
        (["Subject: x"], Outcome.NO_RECIPIENT),
        (["To: undisclosed-recipients:;"], Outcome.NO_RECIPIENT),
    ],
)
def test_header_counts_when_there_is_no_envelope(
    fields: list[str], refusal: Outcome | None
) -> None:
    """To, Cc and Bcc together must name one address."""
    assert refusal_for_recipients(header_of(*fields), ()) is refusal


def test_envelope_overrules_the_header() -> None:
    """With envelope recipients the header's addresses do not count."""
    header = header_of("To: a@example.org, b@example.org")

    assert refusal_for_recipients(header, ["c@example.org"]) is None


def test_equal_envelope_recipients_are_one() -> None:
    """Case in the domain makes no difference, in the local part it does."""
    header = header_of("To: x@example.org")

    assert refusal_for_recipients(header, ["a@example.org", "a@EXAMPLE.ORG"]) is None
    several = refusal_for_recipients(header, ["a@example.org", "A@example.org"])
    assert several is Outcome.SEVERAL_RECIPIENTS
