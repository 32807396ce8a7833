"""Providers are known by the names of their mail exchangers, and by nothing else."""

import tomllib
from importlib import resources

import pytest

from injector_service.pixels import MailProvider, provider_of


@pytest.mark.parametrize(
    ("exchangers", "provider"),
    [
        (["mx1-us1.ppe-hosted.com"], "PROOFPOINT"),
        (["mxa-00112233.gslb.pphosted.com."], "PROOFPOINT"),
        (["EU-SMTP-INBOUND-1.Mimecast.COM"], "MIMECAST"),
        (["d123.ess.de.barracudanetworks.com"], "BARRACUDA"),
        (["example-com.mail.protection.outlook.com"], "MICROSOFT"),
        (["example-com.k-v1.mx.microsoft"], "MICROSOFT"),
        (["outlook-com.olc.protection.outlook.com"], "OUTLOOK_COM"),
        (["alt1.aspmx.l.google.com", "aspmx.l.google.com"], "GOOGLE"),
        (["mx-eu.mail.am0.yahoodns.net"], "YAHOO"),
        (["mx01.mail.icloud.com"], "APPLE"),
        # A filter in front of mailboxes, whichever is named first.
        (["example-com.mail.protection.outlook.com", "x.iphmx.com"], "CISCO"),
        (["x.iphmx.com", "example-com.mail.protection.outlook.com"], "CISCO"),
        (["mx.example.com", "mx2.example.com"], "UNSPECIFIED"),
        (["notmimecast.com", "mimecast.com.example.net"], "UNSPECIFIED"),
        ([".", "..", "", "com"], "UNSPECIFIED"),
        ([], "UNSPECIFIED"),
    ],
)
def test_provider_is_found(exchangers: list[str], provider: str) -> None:
    """Whole labels at the end of a name count, without regard to case or a last dot."""
    assert provider_of(exchangers).name == provider


def test_table_names_every_provider_once() -> None:
    """Every provider has exchangers, written as they are compared, and no end has two."""
    file = resources.files("injector_service.pixels").joinpath("mail_exchangers.toml")
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    ends = [end for each in table.values() for end in each]

    assert table.keys() == {each.name for each in MailProvider if each}
    assert len(ends) == len(set(ends))
    assert ends == [end.lower().strip(".") for end in ends]
