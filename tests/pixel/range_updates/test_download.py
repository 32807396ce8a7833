"""Lists are fetched from real servers over TLS, within limits, and from nowhere else."""

import re

import pytest

from pixel_service.evidence import RangesInvalid
from pixel_service.range_updates import download as module
from pixel_service.range_updates.download import MAX_REDIRECTS, download
from tests.fixtures.list_server import Answer, ListServer

LIST = b"192.0.2.0/24\n"


def redirect(place: str) -> Answer:
    return Answer(status=302, headers={"Location": place})


@pytest.mark.parametrize("path", ["/list", "/here", "/via"])
async def test_a_list_is_fetched(lists: ListServer, path: str) -> None:
    """A list, or redirects to one, gives its octets."""
    lists.answers |= {
        "/list": Answer(LIST),
        "/here": redirect("/list"),
        "/via": redirect(f"{lists.url}/here"),
    }

    assert await download(lists.url + path) == LIST


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:1/list", "file:///etc/hostname", "ftp://127.0.0.1/list"]
)
async def test_a_redirect_out_of_https_is_refused(lists: ListServer, place: str) -> None:
    """Nobody on the way may exchange the list for another."""
    lists.answers["/list"] = redirect(place)
    with pytest.raises(RangesInvalid, match="only https URLs"):
        await download(f"{lists.url}/list")


async def test_redirects_end(lists: ListServer) -> None:
    """A server that sends in circles is left after a few."""
    lists.answers["/list"] = redirect("/list")
    with pytest.raises(RangesInvalid, match="redirects more than"):
        await download(f"{lists.url}/list")

    assert len(lists.asked) == 1 + MAX_REDIRECTS


async def test_an_error_page_is_no_list(lists: ListServer) -> None:
    """The status is told, and the page not taken."""
    with pytest.raises(RangesInvalid, match="answered 404"):
        await download(f"{lists.url}/missing")


async def test_an_untrusted_server_is_refused(
    lists: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that nobody vouches for ends it."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(RangesInvalid, match="certificate"):
        await download(f"{lists.url}/list")


async def test_a_list_without_end_is_refused(
    lists: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading stops at the limit, also of what unpacks to more than it."""
    monkeypatch.setattr(module, "MAX_RANGE_OCTETS", 1_000)
    lists.answers["/list"] = Answer(LIST * 1_000)
    with pytest.raises(RangesInvalid, match="has more than 1000 octets"):
        await download(f"{lists.url}/list")


async def test_a_list_that_takes_too_long_is_refused(
    lists: ListServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it together has a deadline, however steadily it trickles in."""
    monkeypatch.setattr(module, "TOTAL_SECONDS", 0.0)
    lists.answers["/list"] = Answer(LIST)
    with pytest.raises(RangesInvalid, match="took too long"):
        await download(f"{lists.url}/list")


async def test_a_page_leads_to_its_list(lists: ListServer) -> None:
    """A list whose name changes is found by the link to it."""
    lists.answers["/page"] = Answer(f'<a href="{lists.url}/list_20261123.json">Download</a>')
    lists.answers["/list_20261123.json"] = Answer(LIST)
    link = re.compile(r"https://[\w.:]+/list_\d{8}\.json")

    assert await download(f"{lists.url}/page", link=link) == LIST


async def test_a_page_without_a_link_is_told(lists: ListServer) -> None:
    """A page that was rebuilt is not taken for a list."""
    lists.answers["/page"] = Answer("<p>Sorry</p>")
    with pytest.raises(RangesInvalid, match="has no link to a list"):
        await download(f"{lists.url}/page", link=re.compile(r"https://x/list"))


async def test_each_request_has_a_random_uuid_where_one_is_asked_for(lists: ListServer) -> None:
    """Microsoft wants one, and refuses those that many share."""
    lists.answers["/list"] = Answer(LIST)
    for _ in range(2):
        await download(f"{lists.url}/list?ClientRequestId={{uuid}}")

    assert len(set(lists.asked)) == 2
    assert all(re.fullmatch(r"/list\?ClientRequestId=[0-9a-f-]{36}", each) for each in lists.asked)
