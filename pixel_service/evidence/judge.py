"""Fetches to evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixel_service.evidence.client import load_client_reader
from pixel_service.evidence.facts import Agent, Confidence, Evidence, Fetch, clean_user_agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pixel_service.evidence.facts import Client
    from pixel_service.evidence.network import NetworkDatabases


class Judge:
    """Turns fetches into evidence.  Safe to use from several threads."""

    def __init__(self, *, read_client: Callable[[str], Client | None]) -> None:
        self._read_client = read_client

    def judge(self, fetch: Fetch) -> Evidence:
        """Return what is known about *fetch*.  Never raises, never waits."""
        accepted = fetch.acceptance_time
        return Evidence(
            agent=Agent.UNKNOWN,
            confidence=Confidence.LOW,
            signals=(),
            since_acceptance=None if accepted is None else fetch.open_time - accepted,
            ruleset_version="0",
            client=self._read_client(clean_user_agent(fetch.user_agent)),
            network=None,
        )


def load_judge(
    *,
    rules: Path | None = None,
    ranges: Path | None = None,
    networks: NetworkDatabases | None = None,
) -> Judge:
    """Return a judge by the rules in the file *rules*, or by the built-in ones.

    Args:
        rules: A rule file that replaces the built-in one.
        ranges: A folder of address ranges; its files replace built-in ones of
            the same name.
        networks: Databases of network operators.
    """
    del rules, ranges, networks
    return Judge(read_client=load_client_reader())
