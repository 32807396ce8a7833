"""The URLs that webhooks are created with."""

import datetime as dt
import socket
import threading

import pytest

from pixel_service.webhooks import PublicResolver, addresses, mistake_of_url, shown_url, urls
from pixel_service.webhooks.urls import MAX_URL_CHARACTERS

NOT_PUBLIC = "leads to an address that is not public"
NO_URL = "must be a URL that begins with https://"


async def mistake_of(url: str, *, allow_private: bool) -> str | None:
    return await mistake_of_url(url, PublicResolver(allow_private=allow_private))


@pytest.mark.parametrize(
    "url",
    [
        "https://192.0.1.1/opens",
        "https://user:p%40ss@192.0.1.1:8443/opens?tenant=1",
        "https://[2606:4700::1111]/",
    ],
)
async def test_public_url_is_taken(url: str) -> None:
    """Addresses that everybody reaches alike, with a port, a password and a query."""
    assert await mistake_of(url, allow_private=False) is None


async def test_name_that_leads_nowhere_yet_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be new, or its servers away; before each request it is looked at again."""

    def nowhere(host: str, port: int, family: int) -> list[object]:
        raise socket.gaierror(socket.EAI_AGAIN, f"{host} {port} {family}")

    monkeypatch.setattr(addresses, "lookup", nowhere)

    assert await mistake_of("https://new.example/", allow_private=False) is None


async def test_names_that_are_not_answered_take_few_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many webhooks are asked for: a lookup takes longer than anybody waits for it."""
    released = threading.Event()
    asked: list[str] = []

    def hang(host: str, port: int, family: int) -> list[object]:
        asked.append(f"{host} {port} {family}")
        released.wait()
        return []

    monkeypatch.setattr(addresses, "lookup", hang)
    monkeypatch.setattr(addresses, "_MAX_LOOKUPS", 2)
    monkeypatch.setattr(urls, "_LOOKUP", dt.timedelta(milliseconds=50))
    resolver = PublicResolver(allow_private=False)
    try:
        mistakes = [await mistake_of_url(f"https://a{n}.example/", resolver) for n in range(4)]
    finally:
        released.set()

    assert mistakes == [None] * 4
    assert len(asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://10.0.0.1:9/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://localhost/",
        # What the system takes for 127.0.0.1.
        "https://2130706433/",
        "https://0x7f.1/",
        "https://user@public.example:x@127.1/",
    ],
)
async def test_url_that_leads_to_a_private_address_is_refused(url: str) -> None:
    """However it is written, and not saying where; where private ones are allowed it is taken."""
    assert await mistake_of(url, allow_private=False) == NOT_PUBLIC
    assert await mistake_of(url, allow_private=True) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example",
        "//crm.example/",
        "https://",
        "https:///opens",
        "http://crm.example/",
        "ftp://crm.example/",
        "file:///etc/passwd",
        "https://crm.example:0/",
        "https://crm.example:65536/",
        "https://crm.example/a b",
        "https://crm.example/\r\nX: y",
        "https://crm.example\\@evil.example/",
        "https://cr\u00fcm.example/",
        "https://[::1",
        "https://a]b[c@",
    ],
)
async def test_what_is_no_url_is_refused(url: str) -> None:
    """So is plain HTTP to public addresses: opens are personal data."""
    assert await mistake_of(url, allow_private=False) == NO_URL


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example"])
async def test_host_that_no_name_can_be_is_refused(host: str) -> None:
    """It could not even be looked up, now or when something is sent."""
    assert await mistake_of(f"https://{host}/", allow_private=False) == (
        "has a host that no name can be"
    )


async def test_url_is_bounded_and_has_no_fragment() -> None:
    """Two thousand characters are taken, and not one more."""
    url = "https://127.0.0.1/".ljust(MAX_URL_CHARACTERS, "a")

    assert await mistake_of(url, allow_private=True) is None
    assert await mistake_of(url + "a", allow_private=True) == "must have at most 2,000 characters"
    assert await mistake_of("https://a.example/#b", allow_private=True) == ("must have no fragment")


async def test_plain_http_is_taken_where_private_addresses_are() -> None:
    """A receiver on this machine needs no certificate."""
    assert await mistake_of("http://127.0.0.1:8000/", allow_private=True) is None
    assert await mistake_of("ws://127.0.0.1/", allow_private=True) == (
        "must be a URL that begins with https:// or http://"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://crm.example/a@b?c=d:e", "https://crm.example/a@b?c=d:e"),
        ("https://user:secret@crm.example/", "https://user:***@crm.example/"),
        ("https://user:sec@ret:x@crm.example:1?a=@", "https://user:***@crm.example:1?a=@"),
        ("https://token@crm.example", "https://***@crm.example"),
        ("https://:secret@crm.example", "https://:***@crm.example"),
    ],
)
def test_shown_url_has_no_secret(url: str, shown: str) -> None:
    """The password is hidden, or the user where there is nothing else; the rest stays."""
    assert shown_url(url) == shown
