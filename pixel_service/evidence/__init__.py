"""Who probably fetched a pixel: named rules with sources, not verdicts.

`load_judge` reads the rules (a table of data), the address ranges and, if there
are any, the operator's network databases.  `Judge.judge` turns a `Fetch` into
`Evidence`.  docs/evidence.md describes the procedure.  Imports nothing of ours.

Read `judge` first, then `rules.toml`.
"""

from pixel_service.evidence.browser_versions import day_number
from pixel_service.evidence.client import known_families
from pixel_service.evidence.errors import (
    DatabaseInvalid,
    EvidenceError,
    RangesInvalid,
    RulesInvalid,
)
from pixel_service.evidence.facts import (
    MAX_MESSAGES_OF_ADDRESS,
    MAX_USER_AGENT_CHARACTERS,
    NO_OTHERS,
    PURPOSE_HEADERS,
    Agent,
    Client,
    Confidence,
    Evidence,
    Fetch,
    MailProvider,
    Network,
    OtherFetches,
    RecordedFetch,
    Signal,
    clean_user_agent,
)
from pixel_service.evidence.judge import Judge
from pixel_service.evidence.judge_loading import JudgeLoader, load_judge
from pixel_service.evidence.network import NetworkDatabases, networks_of
from pixel_service.evidence.range_files import (
    MAX_RANGE_OCTETS,
    NamedRanges,
    is_name_of_ranges,
    load_ranges,
    load_stored,
    range_paths,
    require_no_less,
    store_ranges,
)
from pixel_service.evidence.ranges import (
    MAX_IPV4_ADDRESSES,
    AddressSet,
    Range,
    parse_address,
    ranges_of,
)
from pixel_service.evidence.rules import HeaderMatch, OthersMatch, Rule

__all__ = [
    "MAX_IPV4_ADDRESSES",
    "MAX_MESSAGES_OF_ADDRESS",
    "MAX_RANGE_OCTETS",
    "MAX_USER_AGENT_CHARACTERS",
    "NO_OTHERS",
    "PURPOSE_HEADERS",
    "AddressSet",
    "Agent",
    "Client",
    "Confidence",
    "DatabaseInvalid",
    "Evidence",
    "EvidenceError",
    "Fetch",
    "HeaderMatch",
    "Judge",
    "JudgeLoader",
    "MailProvider",
    "NamedRanges",
    "Network",
    "NetworkDatabases",
    "OtherFetches",
    "OthersMatch",
    "Range",
    "RangesInvalid",
    "RecordedFetch",
    "Rule",
    "RulesInvalid",
    "Signal",
    "clean_user_agent",
    "day_number",
    "is_name_of_ranges",
    "known_families",
    "load_judge",
    "load_ranges",
    "load_stored",
    "networks_of",
    "parse_address",
    "range_paths",
    "ranges_of",
    "require_no_less",
    "store_ranges",
]
