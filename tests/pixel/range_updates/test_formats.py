"""Published forms are read as what they are, and nothing else is taken for one."""

import contextlib
import json

import hypothesis
import pytest
from hypothesis import strategies as st

from pixel_service.evidence import AddressSet, RangesInvalid
from pixel_service.range_updates.formats import FORMATS, form_of, read_list
from tests.fixtures.list_server import AMAZON, APPLE, AZURE, GOOGLE, MICROSOFT_365

LINES = "# a comment\n\n192.0.2.0/24 # ours\r\n2001:db8::/32"


def networks(text: str, form: str, *select: str) -> list[str]:
    return list(AddressSet.of(read_list(text, form=form, select=select)).networks())


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("lines", LINES, ["192.0.2.0/24", "2001:db8::/32"]),
        ("csv", APPLE, ["172.224.224.0/27", "172.224.224.32/31", "2a02:26f7:b000::/64"]),
        ("google", GOOGLE, ["66.249.83.0/27", "2001:4860:4801:2008::/64"]),
        ("aws", AMAZON, ["3.4.12.4/32", "3.5.140.0/22", "2600:1f70:4000::/56"]),
        ("azure", AZURE, ["4.145.74.52/30", "4.150.0.0/18", "2603:1000::/40"]),
        (
            "microsoft-365",
            MICROSOFT_365,
            ["13.107.6.152/31", "40.92.0.0/15", "2603:1006::/40", "2a01:111:f403::/48"],
        ),
    ],
)
def test_published_forms_are_read(form: str, text: str, expected: list[str]) -> None:
    """Each vendor's form gives the networks that are in it, and is known by its look."""
    assert networks(text, form) == expected
    assert form_of(text) == ("csv" if form == "lines" else form)
    assert networks(text, form_of(text)) == expected


@pytest.mark.parametrize(
    ("form", "text", "select", "expected"),
    [
        ("aws", AMAZON, "EC2", ["3.5.140.0/22", "2600:1f70:4000::/56"]),
        ("azure", AZURE, "AzureCloud", ["4.150.0.0/18", "2603:1000::/40"]),
        (
            "microsoft-365",
            MICROSOFT_365,
            "outlook.office.com",
            ["13.107.6.152/31", "2603:1006::/40"],
        ),
        (
            "microsoft-365",
            MICROSOFT_365,
            "*.protection.outlook.com",
            ["40.92.0.0/15", "2a01:111:f403::/48"],
        ),
    ],
)
def test_services_are_selected(form: str, text: str, select: str, expected: list[str]) -> None:
    """Of a list of several services only those that are meant count."""
    assert networks(text, form, select) == expected


@pytest.mark.parametrize(
    ("form", "text"),
    [("aws", AMAZON), ("azure", AZURE), ("microsoft-365", MICROSOFT_365), ("google", GOOGLE)],
)
def test_a_service_that_is_gone_is_told(form: str, text: str) -> None:
    """A vendor who calls it otherwise now does not empty the ranges."""
    with pytest.raises(RangesInvalid, match="does not have Gone"):
        networks(text, form, "Gone")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", ["", "<html>", "{}", "[]", "null", "[1]", '{"prefixes": [1]}'])
def test_what_is_no_list_is_refused(form: str, text: str) -> None:
    """An error page, or JSON of something else, never becomes a range."""
    with pytest.raises(RangesInvalid):
        networks(text, form)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("google", {"prefixes": [{"ip": "192.0.2.0/24"}]}),
        ("google", {"prefixes": [{"ipv4Prefix": 7}]}),
        ("google", {"prefixes": {"ipv4Prefix": "192.0.2.0/24"}}),
        ("aws", {"prefixes": [{"ip_prefix": "192.0.2.0/24"}]}),
        ("aws", {"prefixes": [{"ip_prefix": None}], "ipv6_prefixes": []}),
        ("azure", {"values": [{"name": "AzureCloud", "properties": []}]}),
        ("azure", {"values": [{"name": "AzureCloud", "properties": {"addressPrefixes": "x"}}]}),
        ("microsoft-365", [{"urls": [], "ips": "192.0.2.0/24"}]),
        ("microsoft-365", [{"urls": [], "ips": [1]}]),
    ],
)
def test_what_is_only_similar_is_refused(form: str, text: object) -> None:
    """A form that a vendor has changed is told, and not half read."""
    with pytest.raises(RangesInvalid, match="is not JSON with"):
        networks(json.dumps(text), form)


def test_deep_json_is_refused() -> None:
    """What cannot be parsed ends in our own error, too."""
    with pytest.raises(RangesInvalid, match="is not JSON with"):
        networks('{"prefixes": ' + "[" * 100_000, "google")


@pytest.mark.parametrize("form", FORMATS)
@hypothesis.given(text=st.text())
def test_any_text_is_ranges_or_refused(form: str, text: str) -> None:
    """Nothing but our own error comes out of a list."""
    with contextlib.suppress(RangesInvalid):
        assert read_list(text, form=form)
