"""The page that tests a message."""

import pytest

from emailopens.injector.v1 import injector_service_pb2 as pb
from pixel_service.page.placing import Place
from pixel_service.page.views.trial_pages import Asked, result, trial_form
from tests.page.markup import HOSTILE, fields_of, labels_of, parsed, text_of, what_runs

PLACE = Place(
    part=2,
    parts=3,
    content_type="text/html",
    transfer_encoding="base64",
    charset="utf-8",
    offset=1_000,
    html_length=5_000,
    before="<script>alert(1)</script>",
    pixel='<img src="https://p.example/o/x" width="1">',
    after="</body>",
)


def test_form_has_a_label_for_each_field_and_shows_again_what_was_asked() -> None:
    """Whoever mends a message need not paste it again."""
    asked = Asked(text="Subject: x\n\nbody", configuration_ids="c1", recipient="a@b.example")
    made = trial_form(asked, most_octets=4_000_000)
    (area,) = parsed(made).iter("textarea")

    assert area.text == "Subject: x\n\nbody"
    assert {field.get("id") for field in fields_of(made)} == labels_of(made)
    assert "at most 4 MB" in text_of(made)


@pytest.mark.parametrize(
    "outcome",
    set(pb.RewriteMessageResponse.Outcome.values())
    - {
        pb.RewriteMessageResponse.OUTCOME_UNSPECIFIED,
        # Of many recipients alone, whom this page does not ask for.
        pb.RewriteMessageResponse.OUTCOME_NO_CONFIGURATION,
        pb.RewriteMessageResponse.OUTCOME_RECIPIENT_ERROR,
    },
)
def test_every_outcome_has_words(outcome: pb.RewriteMessageResponse.Outcome.ValueType) -> None:
    """They say whether it is tracked, and what to do if not."""
    text = text_of(*result(pb.RewriteMessageResponse(outcome=outcome), None, size=10))

    is_tracked = outcome == pb.RewriteMessageResponse.OUTCOME_TRACKED
    assert ("It is tracked" in text) == is_tracked
    assert "this page not why" not in text


@pytest.mark.parametrize(
    "warning",
    set(pb.RewriteMessageResponse.Warning.values())
    - {pb.RewriteMessageResponse.WARNING_UNSPECIFIED},
)
def test_every_warning_has_words(warning: pb.RewriteMessageResponse.Warning.ValueType) -> None:
    """None is passed over."""
    text = text_of(*result(pb.RewriteMessageResponse(warnings=[warning]), None, size=10))

    assert "Warnings" in text
    assert "does not know" not in text


def test_place_of_the_pixel_is_shown_in_its_html() -> None:
    """As text: the HTML of a message makes nothing here."""
    response = pb.RewriteMessageResponse(
        outcome=pb.RewriteMessageResponse.OUTCOME_TRACKED,
        raw_message=b"x" * 150,
        message_id="m1",
        configuration_ids=["c1"],
    )
    page = list(result(response, PLACE, size=100))
    (mark,) = parsed(*page).iter("mark")
    text = text_of(*page)

    assert mark.text == PLACE.pixel
    assert "In part 2 of 3 (text/html, base64 , charset utf-8 )" in text
    assert "Grew by 50 B" in text
    assert what_runs(*page) == []


def test_nothing_of_a_hostile_message_runs() -> None:
    """What was pasted is shown again as it is, and its encodings are texts, too."""
    place = Place(
        part=1,
        parts=1,
        content_type="text/html",
        transfer_encoding=HOSTILE,
        charset=HOSTILE,
        offset=0,
        html_length=1,
        before=HOSTILE,
        pixel=HOSTILE,
        after=HOSTILE,
    )
    response = pb.RewriteMessageResponse(
        outcome=pb.RewriteMessageResponse.OUTCOME_TRACKED,
        message_id=HOSTILE,
        configuration_ids=[HOSTILE],
    )
    asked = Asked(text=HOSTILE, configuration_ids=HOSTILE, recipient=HOSTILE)

    assert what_runs(trial_form(asked, most_octets=1), *result(response, place, size=1)) == []
