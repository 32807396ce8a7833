"""One address is one person's, however it is written."""

import itertools
from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emailopens.notification.v1 import open_notification_pb2 as pb
from pixel_service.notification import matches_recipient
from service_runtime.addresses import comparable

# Ways of writing one address.
WAYS: Final = [
    ("ann@example.com", "ANN@Example.COM", '"ann"@example.com', "ann@example.com."),
    ('"ann b"@example.com', '"Ann\\ b"@example.com'),
    ("ann@b\u00fccher.de", "ann@B\u00dcCHER.de", "ann@xn--bcher-kva.de", "ann@XN--BCHER-KVA.de"),
    ("ann@b\u0075\u0308cher.de", "ann@b\u00fccher.de"),
    ("pel\u00e9@example.com", "pele\u0301@example.com", "PEL\u00c9@example.com"),
    ("\u7528\u6237@\u4f8b\u5b50.com", "\u7528\u6237@xn--fsqu00a.com"),
]


@pytest.mark.parametrize("ways", WAYS, ids=[ascii(first) for first, *_ in WAYS])
def test_recipients_are_found_however_their_addresses_are_written(ways: Sequence[str]) -> None:
    """By whoever erases or objects, in the way in which they know it."""
    for written, wanted in itertools.permutations(ways, 2):
        assert comparable(written) == comparable(wanted)
        notification = pb.OpenNotification()
        notification.mail.common_headers.to_mailboxes.append(f"Ann <{written}>")
        octets = notification.SerializeToString()
        assert matches_recipient(wanted)(octets)
        assert not matches_recipient("jo" + wanted)(octets)


@given(st.text(alphabet='ab9.-@"\\\u00fc\u0308', max_size=12).map("xn--{0}@xn--{0}".format))
def test_any_address_can_be_compared(address: str) -> None:
    """Whatever has the form of encoded letters and is none, and in capital letters as well."""
    assert comparable(address.upper()).encode() == comparable(address).encode()
