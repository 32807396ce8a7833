"""Who takes in mail for a recipient, by the names of the recipient's mail exchangers."""

import enum
import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources


class MailProvider(enum.IntEnum):
    """Who takes in mail; the numbers are those of `emailopens.token.v1.MailProvider`."""

    UNSPECIFIED = 0
    GOOGLE = 1
    MICROSOFT = 2
    OUTLOOK_COM = 3
    YAHOO = 4
    APPLE = 5
    PROOFPOINT = 6
    MIMECAST = 7
    BARRACUDA = 8
    CISCO = 9
    TREND_MICRO = 10
    BROADCOM = 11
    SOPHOS = 12
    TRELLIX = 13
    FORCEPOINT = 14
    FORTINET = 15
    HORNETSECURITY = 16
    CLOUDFLARE = 17
    APPRIVER = 18
    SPAMEXPERTS = 19
    TITANHQ = 20
    RETARUS = 21


def provider_of(exchangers: Sequence[str]) -> MailProvider:
    """Return whose *exchangers* are; of several providers, the first one of the table."""
    if not exchangers:
        return MailProvider.UNSPECIFIED
    table = _table()
    found = {name for each in exchangers if (name := _name_of(each, table)) is not None}
    # The order of the table is that of its names.
    return next(
        (MailProvider[name] for name in dict.fromkeys(table.values()) if name in found),
        MailProvider.UNSPECIFIED,
    )


def _name_of(exchanger: str, table: Mapping[str, str]) -> str | None:
    """Return the provider's name for the longest end of *exchanger* that is in the *table*."""
    end = exchanger.rstrip(".").lower()
    while end:
        if end in table:
            return table[end]
        _, _, end = end.partition(".")
    return None


@functools.cache
def _table() -> Mapping[str, str]:
    """Return the names of providers by the ends of their exchangers' names."""
    file = resources.files(__package__).joinpath("mail_exchangers.toml")
    providers = tomllib.loads(file.read_text(encoding="utf-8"))
    return {end: name for name, ends in providers.items() for end in ends}
