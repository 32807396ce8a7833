"""What a user agent says of itself, and how much of that is repeated."""

import functools
import re
import tomllib
from collections.abc import Callable
from importlib import resources
from typing import Final

from ua_parser import loaders
from ua_parser.core import Domain
from ua_parser.regex import Resolver

from pixel_service.evidence.facts import Client

_EVERYTHING: Final = Domain.USER_AGENT | Domain.OS | Domain.DEVICE


def load_client_reader() -> Callable[[str], Client | None]:
    """Return a function that reads a client from a clean user agent.

    Loading takes 0.2 s and about 25 MB; reading takes about 10 microseconds,
    and time linear in the user agent's length, because the expressions run in
    the Rust engine that the distribution's extra `regex` installs: in Python's
    they take 300 to 2,500 (`python -m benchmarks.evidence`).  The result is None when
    nothing was recognised.
    """
    resolve = Resolver(loaders.load_builtins())
    mail_clients = _mail_clients()

    def read_client(user_agent: str) -> Client | None:
        found = resolve(user_agent, _EVERYTHING)
        family = found.user_agent.family if found.user_agent else ""
        client = Client(
            name=next(
                (name for name, found_by in mail_clients if found_by.search(user_agent)), family
            ),
            operating_system=found.os.family if found.os else "",
            device=found.device.family if found.device else "",
        )
        return client if client != _NOTHING else None

    return read_client


def _mail_clients() -> list[tuple[str, re.Pattern[str]]]:
    """Return the mail clients that ua-parser gets wrong, and how each is found."""
    tables = tomllib.loads(_text_of("mail_clients.toml"))["clients"]
    return [(each["name"], re.compile(each["found_by"], re.IGNORECASE)) for each in tables]


_NOTHING: Final = Client(name="", operating_system="", device="")


def known_families(client: Client | None) -> Client | None:
    """Return *client* with nothing but what is in the list of known families.

    A family can be copied from the user agent, which is free text and may hold
    anything.  What comes from a closed list holds nothing else.
    """
    if client is None:
        return None
    families = _families()
    known = Client(
        name=client.name if client.name in families["names"] else "",
        operating_system=(
            client.operating_system
            if client.operating_system in families["operating_systems"]
            else ""
        ),
        device=client.device if client.device in families["devices"] else "",
    )
    return known if known != _NOTHING else None


@functools.cache
def _families() -> dict[str, frozenset[str]]:
    families = tomllib.loads(_text_of("families.toml"))
    return {kind: frozenset(names) for kind, names in families.items()}


def _text_of(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
