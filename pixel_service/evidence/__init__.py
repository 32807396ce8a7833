"""Who probably fetched a pixel: named rules with sources, not verdicts.

`load_judge` reads the rules (a table of data), the address ranges and, if there
are any, the operator's network databases.  `Judge.judge` turns a `Fetch` into
`Evidence`.  docs/evidence.md describes the procedure.  Imports nothing of ours.

Read `judge` first, then `rules.toml`.  One module is imported by its own name:
`range_download`, which loads an HTTP client that only one command needs.
"""

from pixel_service.evidence.client import known_families
from pixel_service.evidence.errors import (
    DatabaseInvalid,
    EvidenceError,
    RangesInvalid,
    RulesInvalid,
)
from pixel_service.evidence.facts import (
    MAX_USER_AGENT_CHARACTERS,
    PURPOSE_HEADERS,
    Agent,
    Client,
    Confidence,
    Evidence,
    Fetch,
    Network,
    Signal,
    clean_user_agent,
)
from pixel_service.evidence.judge import Judge, load_judge
from pixel_service.evidence.network import NetworkDatabases
from pixel_service.evidence.range_files import store_ranges
from pixel_service.evidence.ranges import parse_address
from pixel_service.evidence.rules import HeaderMatch, Rule

__all__ = [
    "MAX_USER_AGENT_CHARACTERS",
    "PURPOSE_HEADERS",
    "Agent",
    "Client",
    "Confidence",
    "DatabaseInvalid",
    "Evidence",
    "EvidenceError",
    "Fetch",
    "HeaderMatch",
    "Judge",
    "Network",
    "NetworkDatabases",
    "RangesInvalid",
    "Rule",
    "RulesInvalid",
    "Signal",
    "clean_user_agent",
    "known_families",
    "load_judge",
    "parse_address",
    "store_ranges",
]
