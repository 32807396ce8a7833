"""What becomes of copies whose recipients have objected, from values."""

import pytest

from injector_service.objections import Objected
from injector_service.objections.objected import Digests
from injector_service.rewriting import Outcome, Rewritten, Splice
from service_runtime.objection_digests import recipient_digest

KEY = b"key"
TRACKED = Rewritten(outcome=Outcome.TRACKED, splice=Splice(1, 0, b"pixel"))
UNTRACKED = Rewritten(outcome=Outcome.TRACKING_DISABLED)
OBJECTED = UNTRACKED._replace(outcome=Outcome.RECIPIENT_OBJECTED)
UNKNOWN = UNTRACKED._replace(outcome=Outcome.OBJECTIONS_UNKNOWN)


def digests_of(*addresses: str) -> Digests:
    octets = b"".join(recipient_digest(each, KEY) for each in addresses)
    return Digests.of(change=1, key=KEY, octets=octets)


def heeded(objected: Objected, *made: Rewritten, recipients: list[str]) -> list[Rewritten]:
    return objected.heeded([*made], recipients.__getitem__, lambda: UNTRACKED)


def test_copies_of_those_who_have_objected_are_untracked_alone() -> None:
    """However their addresses are written; everybody else's copy is what was made."""
    objected = Objected(is_followed=True)
    objected.replace(digests_of("jane@example.com", "ann@bücher.de"))

    recipients = ["bob@example.com", "Jane@Example.COM", "Ann@xn--bcher-kva.de"]
    found = heeded(objected, TRACKED, TRACKED, TRACKED, recipients=recipients)

    assert found == [TRACKED, OBJECTED, OBJECTED]
    assert objected.count == 2


def test_copy_without_a_pixel_keeps_its_reason() -> None:
    """Whoever has objected, what was not tracked is said to be so for its own reason."""
    objected = Objected(is_followed=True)
    objected.replace(digests_of("jane@example.com"))
    made = Rewritten(outcome=Outcome.NO_HTML_PART)

    assert heeded(objected, made, recipients=["jane@example.com"]) == [made]


@pytest.mark.parametrize(
    ("objected", "expected"),
    [(Objected(), TRACKED), (Objected(is_followed=True), UNKNOWN)],
    ids=["nobody is asked", "nobody has answered"],
)
def test_what_is_unknown_is_tracked_only_where_nobody_is_asked(
    objected: Objected, expected: Rewritten
) -> None:
    """Before the first list there is no pixel, unless there will never be a list."""
    assert heeded(objected, TRACKED, recipients=["bob@example.com"]) == [expected]
    assert objected.change is None


def test_withdrawn_objections_are_forgotten() -> None:
    """An empty list is a list: everybody is tracked."""
    objected = Objected(is_followed=True)
    objected.replace(digests_of("jane@example.com"))
    objected.replace(digests_of())

    assert heeded(objected, TRACKED, recipients=["jane@example.com"]) == [TRACKED]
