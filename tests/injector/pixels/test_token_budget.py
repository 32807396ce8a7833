"""A pixel's URL stays short: what is cut, in which order, and where."""

from typing import Final

import hypothesis
import pytest
from hypothesis import strategies as st

from injector_service.pixels import MailProvider
from injector_service.pixels.header_facts import HeaderFacts
from injector_service.pixels.token_budget import Fitted, excess_octets, fit, max_payload_octets
from injector_service.pixels.token_payload import NotifiedField, TokenPayload
from injector_service.pixels.token_sealer import TokenSealer, serialize
from injector_service.privacy import PrivacyLevel
from injector_service.rewriting.mime import addr_spec
from service_runtime.key_ring import generate_key_ring

CORE: Final = TokenPayload(
    message_id="m" * 22,
    configuration_ids=("news",),
    statistics_configuration_ids=(),
    acceptance_time_us=1_714_057_684_933_666,
    privacy_level=PrivacyLevel.FULL,
    tags=(("a", "b"),),
)
FACTS: Final = HeaderFacts(
    recipient="b@example.net",
    identity_id="a@example.com",
    from_mailboxes=("A <a@example.com>",),
    to_mailboxes=("B <b@example.net>",),
    date="Thu, 25 Apr 2024 18:08:04 +0300",
    subject="Hello",
    header_message_id="<1@example.com>",
    notified_fields=(NotifiedField(name="X-A", value="1"), NotifiedField(name="X-B", value="2")),
)

texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("=?QqBb _€🎉"), max_size=120
)
long_texts = st.builds(lambda text, times: text * times, texts, st.integers(0, 20))
mailbox_lists = st.lists(long_texts, max_size=6).map(tuple)
facts_of_one_kind = st.builds(
    HeaderFacts,
    recipient=long_texts,
    identity_id=long_texts,
    from_mailboxes=mailbox_lists,
    to_mailboxes=mailbox_lists,
    date=long_texts,
    subject=long_texts,
    header_message_id=long_texts,
    notified_fields=st.lists(
        st.builds(NotifiedField, name=texts.filter(bool), value=long_texts), max_size=5
    ).map(tuple),
)
facts_of_any_kind = facts_of_one_kind | facts_of_one_kind.map(
    lambda facts: facts._replace(to_mailboxes=(facts.recipient,))
)


@hypothesis.given(facts=facts_of_any_kind, max_octets=st.integers(200, 1_445))
@hypothesis.settings(max_examples=300, deadline=None)
def test_whatever_the_header_the_payload_fits(facts: HeaderFacts, max_octets: int) -> None:
    """The payload has at most the octets that there are, and cuts only from the end."""
    fitted = fit(CORE, facts, max_octets)

    payload = fitted.payload
    assert fitted.plaintext == serialize(payload)
    assert len(fitted.plaintext) <= max_octets
    assert payload.tags == CORE.tags
    assert payload.message_id == CORE.message_id
    assert facts.subject.startswith(payload.subject)
    assert facts.from_mailboxes[: len(payload.from_mailboxes)] == payload.from_mailboxes
    assert facts.to_mailboxes[: len(payload.to_mailboxes)] == payload.to_mailboxes
    assert facts.notified_fields[: len(payload.notified_fields)] == payload.notified_fields
    assert payload.recipient in ("", facts.recipient)
    assert payload.identity_id in ("", facts.identity_id)
    assert payload.date in ("", facts.date)
    assert payload.header_message_id in ("", facts.header_message_id)


@hypothesis.given(facts=facts_of_any_kind)
@hypothesis.settings(max_examples=200, deadline=None)
def test_what_is_said_of_the_cuts_is_true(facts: HeaderFacts) -> None:
    """Nothing is said to be cut that is whole, and nothing is cut in silence."""
    fitted = fit(CORE, facts, 400)

    payload = fitted.payload
    to_says_recipient = (
        len(payload.to_mailboxes) == 1
        and payload.to_mailboxes == facts.to_mailboxes
        and addr_spec(payload.to_mailboxes[0]) == facts.recipient
    )
    rest = (
        (payload.recipient == facts.recipient or to_says_recipient)
        and payload.identity_id == facts.identity_id
        and payload.from_mailboxes == facts.from_mailboxes
        and payload.to_mailboxes == facts.to_mailboxes
        and payload.date == facts.date
        and payload.header_message_id == facts.header_message_id
        and payload.notified_fields == facts.notified_fields
    )
    assert fitted.is_subject_cut == (payload.subject != facts.subject)
    assert fitted.are_fields_cut == (not rest)
    assert payload.headers_truncated == (fitted.is_subject_cut or fitted.are_fields_cut)


def octets_of(facts: HeaderFacts) -> int:
    """Return how many octets the payload with all of *facts* has."""
    return len(serialize(fit(CORE, facts, 100_000).payload))


def fitted_with(facts: HeaderFacts, missing: int) -> Fitted:
    """Return what fits when *missing* octets are missing."""
    return fit(CORE, facts, octets_of(facts) - missing)


def test_nothing_is_cut_without_need() -> None:
    """A payload that just fits is whole."""
    fitted = fitted_with(FACTS, 0)

    assert not fitted.payload.headers_truncated
    assert fitted.payload.notified_fields == FACTS.notified_fields


def test_notified_fields_go_first_and_from_the_end() -> None:
    """One octet too long costs the last notified field, and nothing else."""
    fitted = fitted_with(FACTS, 1)

    assert fitted.payload.notified_fields == FACTS.notified_fields[:1]
    assert fitted.payload.subject == FACTS.subject
    assert (fitted.is_subject_cut, fitted.are_fields_cut) == (False, True)


def test_the_subject_goes_next_and_from_the_end() -> None:
    """When all notified fields are gone the subject's end is cut; the rest stays."""
    facts = FACTS._replace(subject="Hello world", notified_fields=())

    fitted = fitted_with(facts, 3)

    # Three octets, and two for the flag that says so.
    assert fitted.payload.subject == "Hello"
    assert fitted.payload.to_mailboxes == FACTS.to_mailboxes
    assert (fitted.is_subject_cut, fitted.are_fields_cut) == (True, False)


@pytest.mark.parametrize("missing", range(8))
def test_characters_are_not_cut(missing: int) -> None:
    """A subject ends with a whole character, whatever its octets."""
    facts = FACTS._replace(subject="€🎉€🎉", notified_fields=())

    fitted = fitted_with(facts, missing)

    assert "€🎉€🎉".startswith(fitted.payload.subject)
    assert len(serialize(fitted.payload)) > octets_of(facts) - missing - 8


@pytest.mark.parametrize("missing", [1, 10, 40])
def test_encoded_words_are_not_cut(missing: int) -> None:
    """A subject ends before an encoded word that does not fit whole."""
    words = ("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus?=", "=?UTF-8?B?w5xiZXJzZWU=?=", "=?utf-8?Q?_und?=")
    facts = FACTS._replace(subject=" ".join(words), notified_fields=())

    fitted = fitted_with(facts, missing)

    subject = fitted.payload.subject
    assert subject in {"", words[0], " ".join(words[:2])}
    assert subject == {1: " ".join(words[:2]), 10: " ".join(words[:2]), 40: words[0]}[missing]


def test_a_long_to_field_does_not_cost_the_subject() -> None:
    """A list of recipients that could never fit is cut from its end, and the subject stays."""
    recipients = tuple(f"Somebody <somebody-{number}@example.com>" for number in range(200))
    facts = FACTS._replace(to_mailboxes=recipients, notified_fields=())

    fitted = fit(CORE, facts, 1_000)

    assert fitted.payload.subject == FACTS.subject
    assert len(fitted.payload.to_mailboxes) > 10
    assert (fitted.is_subject_cut, fitted.are_fields_cut) == (False, True)


def test_a_recipient_in_the_only_to_mailbox_is_not_said_twice() -> None:
    """The pixel service finds it there; any other recipient is sealed."""
    blind = FACTS._replace(recipient="blind@example.org")
    of_two = FACTS._replace(to_mailboxes=("b@example.net", "c@example.net"))

    assert fit(CORE, FACTS, 1_000).payload.recipient == ""
    assert fit(CORE, blind, 1_000).payload.recipient == "blind@example.org"
    assert fit(CORE, of_two, 1_000).payload.recipient == "b@example.net"


def test_a_recipient_is_said_when_its_to_mailbox_is_cut() -> None:
    """A To mailbox that is too long to be kept does not take the recipient with it."""
    facts = FACTS._replace(to_mailboxes=("x" * 2_000 + " <b@example.net>",))

    payload = fit(CORE, facts, 1_000).payload

    assert payload.to_mailboxes == ()
    assert payload.recipient == "b@example.net"


def test_one_mailbox_left_of_several_is_not_taken_for_the_recipient() -> None:
    """When To is cut down to one mailbox, the token still says who the recipient is."""
    facts = FACTS._replace(to_mailboxes=("c@example.net", "x" * 2_000 + "@b.c"))

    payload = fit(CORE, facts, 1_000).payload

    assert payload.to_mailboxes == ("c@example.net",)
    assert payload.recipient == "b@example.net"


@pytest.mark.parametrize("most", [920, 2_000])
@pytest.mark.parametrize("length", [8, 22, 43, 44, 100, 200])
def test_the_longest_payload_makes_the_longest_url(length: int, most: int) -> None:
    """The octets that are given out fill the URL to its limit, and the token to 1,950."""
    base_url = "https://" + "x" * (length - 8)
    fitted = fit(CORE, FACTS._replace(subject="x" * 3_000), max_payload_octets(base_url, most))

    token = TokenSealer(generate_key_ring()).mint(fitted.plaintext)

    url_characters = length + len("/o/.gif") + len(token)
    assert url_characters <= most
    assert len(token) <= 1_950
    assert len(token) >= 1_948 or url_characters >= most - 2


def test_the_excess_is_what_the_tags_are_too_long() -> None:
    """Tags fit exactly when nothing is in excess."""
    size = len(serialize(CORE))

    assert excess_octets(CORE, size + 2) == 0
    assert excess_octets(CORE, size + 1) == 1
    assert len(serialize(fit(CORE, FACTS, size + 2).payload)) <= size + 2


cores = st.builds(
    CORE._replace,
    message_id=texts,
    configuration_ids=st.lists(texts.filter(bool), max_size=3).map(tuple),
    statistics_configuration_ids=st.lists(texts.filter(bool), max_size=3).map(tuple),
    acceptance_time_us=st.integers(0, 1 << 60),
    privacy_level=st.sampled_from(PrivacyLevel),
    tags=st.lists(st.tuples(texts.filter(bool), texts.filter(bool)), max_size=4).map(tuple),
)


@hypothesis.given(core=cores)
def test_the_counted_size_is_that_of_the_serialization(core: TokenPayload) -> None:
    """What is counted without serializing anything is what serializing gives."""
    assert excess_octets(core, 2) == len(serialize(core))


@pytest.mark.parametrize("days", [1, 127, 128, 3_650])
def test_expiry_is_counted_as_it_is_sealed(days: int) -> None:
    """The size that is reckoned with is the serialization's, whatever the days."""
    core = CORE._replace(open_expiry_days=days)

    assert excess_octets(core, 2) == len(serialize(core))


@pytest.mark.parametrize("provider", MailProvider)
def test_mail_provider_is_counted_as_it_is_sealed(provider: MailProvider) -> None:
    """The size that is reckoned with is the serialization's, whoever takes in the mail."""
    core = CORE._replace(mail_provider=provider)

    assert excess_octets(core, 2) == len(serialize(core))
