"""Tokens of pages."""

import pytest

from service_runtime.errors import InvalidFields
from service_runtime.field_checks import FieldChecks
from service_runtime.page_tokens import page_of, page_token, read_page_token


@pytest.mark.parametrize("last_id", ["a", "news-2026", "0" * 63])
def test_token_says_where_the_next_page_starts(last_id: str) -> None:
    """The token of a page leads to what comes after its last ID."""
    checks = FieldChecks()

    assert read_page_token(page_token(last_id), checks) == last_id
    checks.finish()


@pytest.mark.parametrize(
    ("found", "page", "token"),
    [
        (["a", "b", "c"], ["a", "b"], page_token("b")),
        (["a", "b"], ["a", "b"], ""),
        ([], [], ""),
    ],
)
def test_page_has_a_token_if_there_is_another(
    found: list[str], page: list[str], token: str
) -> None:
    """One that is full and the last has none."""
    assert page_of(found, 2, str) == (page, token)


def test_first_page_has_no_token() -> None:
    """Without a token the list starts at its beginning."""
    checks = FieldChecks()

    assert read_page_token("", checks) == ""
    checks.finish()


@pytest.mark.parametrize("token", ["news", "*", page_token("No ID"), page_token("é"), "bmV3cw=="])
def test_other_tokens_are_refused(token: str) -> None:
    """What is no token of ours is an error of its field."""
    checks = FieldChecks()

    assert read_page_token(token, checks) == ""
    with pytest.raises(InvalidFields, match="page_token: must be the `next_page_token` of a page"):
        checks.finish()
