"""Address lists: split as RFC 5322 says, nothing decoded."""

import pytest

from injector_service.rewriting.mime.addresses import MAX_MARKS, addr_spec, mailboxes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@example.org", ["a@example.org"]),
        (" a@example.org , b@example.org", ["a@example.org", "b@example.org"]),
        ("a@example.org,,b@example.org,", ["a@example.org", "b@example.org"]),
        (
            '"Doe, John" <j@example.org>, x@example.org',
            ['"Doe, John" <j@example.org>', "x@example.org"],
        ),
        ('"q\\"u,o" <j@example.org>', ['"q\\"u,o" <j@example.org>']),
        ("a@example.org (one, two (three, four))", ["a@example.org (one, two (three, four))"]),
        ("Team: a@example.org, b@example.org;", ["a@example.org", "b@example.org"]),
        ("undisclosed-recipients:;", []),
        (
            "x@example.org, G: a@example.org;, y@example.org",
            ["x@example.org", "a@example.org", "y@example.org"],
        ),
        ("=?utf-8?q?J=2C_D?= <j@example.org>", ["=?utf-8?q?J=2C_D?= <j@example.org>"]),
        ("<@a.example,@b.example:c@d.example>", ["<@a.example,@b.example:c@d.example>"]),
        ("d\u00f6rte@s\u00f6rensen.example", ["d\u00f6rte@s\u00f6rensen.example"]),
        ("a@[127.0.0.1]", ["a@[127.0.0.1]"]),
        ("a@[IPv6:2001:db8::1], b@example.org", ["a@[IPv6:2001:db8::1]", "b@example.org"]),
        ('"a b"@example.org', ['"a b"@example.org']),
        ("", []),
    ],
)
def test_list_is_split_at_its_own_commas_only(value: str, expected: list[str]) -> None:
    """Commas in quotes, comments, routes and encoded words do not split."""
    assert mailboxes(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        '"open <a@example.org>',
        "(open a@example.org",
        "<a@example.org",
        "a@b>",
        "<a<b@c>",
        "nobody",
        "a) b@c",
        "[a@b",
    ],
)
def test_what_is_no_address_list_is_none(value: str) -> None:
    """An unclosed quote, comment or bracket, or a word without @, makes the whole unreadable."""
    assert mailboxes(value) is None


@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        ("a@example.org", "a@example.org"),
        ("Ann <a@example.org>", "a@example.org"),
        ("Ann <a@example.org> (home)", "a@example.org"),
        ("a@example.org (Ann <x@y>)", "a@example.org"),
        ("a (c) @ example . org", "a@example.org"),
        ('"Ann <x@y>" <a@example.org>', "a@example.org"),
        ('"a b"@example.org', '"a b"@example.org'),
        ("<@a.example,@b.example:c@d.example>", "c@d.example"),
        ("Ann (x) <a@[127.0.0.1]>", "a@[127.0.0.1]"),
    ],
)
def test_address_is_what_is_left_without_name_and_comments(mailbox: str, expected: str) -> None:
    """Only local part and domain remain of a mailbox."""
    assert addr_spec(mailbox) == expected


def test_address_before_comments_that_do_not_end_is_found() -> None:
    """What is never closed hides nothing that stands before it."""
    assert addr_spec("u@example.org " + "(" * 1_000) == "u@example.org"
    assert mailboxes("u@example.org " + "(" * 1_000) is None


def test_list_with_more_than_we_look_at_is_none() -> None:
    """As many addresses as a message is sent to are split, and no number beyond all use."""
    assert len(mailboxes("a@example.org," * MAX_MARKS) or ()) == MAX_MARKS
    assert mailboxes("a@example.org," * (MAX_MARKS + 1)) is None
    assert addr_spec("a@example.org" + "()" * (MAX_MARKS + 1)) == ""
