"""Reads rules from TOML, and says everything that is wrong with them at once."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from pixel_service.evidence.errors import RulesInvalid
from pixel_service.evidence.facts import (
    MAX_MESSAGES_OF_ADDRESS,
    Agent,
    Confidence,
    MailProvider,
    Signal,
)
from pixel_service.evidence.ranges import AddressSet
from pixel_service.evidence.rules import (
    AddressMatch,
    HeaderMatch,
    OthersMatch,
    Rule,
    RuleSet,
    TimeMatch,
    UserAgentMatch,
)

# The judge keeps one bit for each rule, and tries each rule on a new user agent.
MAX_RULES: Final = 500

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_RULE_KEYS: Final = frozenset(
    {"name", "agent", "confidence", "seen", "source", "client", "overrides", "at_most_low", "match"}
)
_MATCH_KEYS: Final = frozenset(
    {
        "user_agent_is_empty",
        "user_agent_equals",
        "user_agent_contains",
        "user_agent_lacks",
        "user_agent_matches",
        "user_agent_versions_behind_at_least",
        "address_in",
        "autonomous_system_in",
        "header_names",
        "header_contains",
        "header_equals",
        "header_is_absent",
        "seconds_since_acceptance_at_least",
        "seconds_since_acceptance_below",
        "messages_of_address_at_least",
        "is_second_network",
        "is_scanned",
        "recipient_behind",
    }
)


_HEADER_TESTS: Final = ("header_contains", "header_equals", "header_is_absent")


Kind = TypeVar("Kind")
Level = TypeVar("Level", Agent, Confidence, MailProvider)


def read_rules(path: Path, ranges: Mapping[str, AddressSet]) -> RuleSet:
    """Return the rules in a file.

    Args:
        path: where it is.
        ranges: the address ranges that its rules may name.

    Raises:
        RulesInvalid: the file cannot be used; holds one line for each fault.
    """
    try:
        return parse_rules(path.read_text(encoding="utf-8"), ranges)
    except OSError as error:
        raise RulesInvalid([f"{path}: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise RulesInvalid([f"{path}: is not UTF-8"]) from error
    except RulesInvalid as error:
        raise RulesInvalid([f"{path}: {fault}" for fault in error.faults]) from error


def parse_rules(text: str, ranges: Mapping[str, AddressSet]) -> RuleSet:
    """Return the rules in *text*; as `read_rules`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesInvalid([f"is not TOML: {error}"]) from error
    faults: list[str] = []
    top = _Table("", document, faults)
    top.allow({"version", "rules"})
    version = top.required("version", str, "")
    tables = top.required("rules", list, [])
    if len(tables) > MAX_RULES:
        raise RulesInvalid([f"has more than {MAX_RULES} rules"])
    rules = [_parse_rule(number, table, ranges, faults) for number, table in enumerate(tables, 1)]
    faults.extend(_faults_between([rule for rule in rules if rule is not None]))
    if faults:
        raise RulesInvalid(faults)
    return RuleSet(version=version, rules=tuple(rule for rule in rules if rule is not None))


def _faults_between(rules: list[Rule]) -> Iterable[str]:
    names = [rule.name for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"rule {name}: there are several of this name"
    for rule in rules:
        for name in sorted(rule.overrides - set(names)):
            yield f"rule {rule.name}: overrides {name!r}, which is not a rule"
        if rule.name in rule.overrides:
            yield f"rule {rule.name}: overrides itself"


class _Table:
    """One table of the file; what is wrong with it goes to *faults*."""

    def __init__(self, where: str, table: object, faults: list[str]) -> None:
        self._where = where
        self._faults = faults
        self._table: Mapping[str, object] = table if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            self.fault("must be a table")

    def fault(self, what: str) -> None:
        self._faults.append(f"{self._where}: {what}" if self._where else what)

    def allow(self, keys: Iterable[str]) -> None:
        for key in sorted(set(self._table) - set(keys)):
            self.fault(f"{key} is not known")

    def optional(self, key: str, kind: type[Kind]) -> Kind | None:
        value = self._table.get(key)
        if value is None:
            return None
        # A bool is an int in Python, and is none in a rule.
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            self.fault(f"{key} must be of type {kind.__name__}")
            return None
        return value

    def required(self, key: str, kind: type[Kind], default: Kind) -> Kind:
        value = self.optional(key, kind)
        if not value:
            self.fault(f"{key} is missing")
            return default
        return value

    def list_of(self, key: str, kind: type[Kind]) -> tuple[Kind, ...] | None:
        values = self.optional(key, list)
        if values is None:
            return None
        if not values or not all(type(value) is kind and value for value in values):
            self.fault(f"{key} must be a list of {kind.__name__}, not empty")
            return None
        return tuple(values)

    def levels(self, key: str, level: type[Level]) -> frozenset[Level]:
        texts = self.list_of(key, str) or ()
        known = {each.name: each for each in level if each}
        for text in texts:
            if text not in known:
                self.fault(f"{key} has {text!r}, must be of {', '.join(known)}")
        return frozenset(known[text] for text in texts if text in known)

    def level(self, key: str, level: type[Level]) -> Level | None:
        text = self.required(key, str, "")
        member = level.__members__.get(text)
        if text and (member is None or member == 0):
            names = ", ".join(each.name for each in level if each)
            self.fault(f"{key} is {text!r}, must be one of {names}")
        return member

    def number(self, key: str, default: float) -> float:
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            self.fault(f"{key} must be a number of seconds, not negative")
            return default
        return float(value)


def _parse_rule(
    number: int, value: object, ranges: Mapping[str, AddressSet], faults: list[str]
) -> Rule | None:
    known = len(faults)
    name = str(value.get("name", "")) if isinstance(value, dict) else ""
    table = _Table(f"rule {name or number}", value, faults)
    table.allow(_RULE_KEYS)
    if not _NAME.fullmatch(table.required("name", str, "-")):
        table.fault("name must consist of a-z, 0-9 and single hyphens")
    agent, confidence = table.level("agent", Agent), table.level("confidence", Confidence)
    seen, source = table.required("seen", str, ""), table.required("source", str, "")
    client, overrides = table.optional("client", str), table.list_of("overrides", str)
    at_most_low = table.levels("at_most_low", Agent)
    match = _Table(f"rule {name or number}", table.required("match", dict, {}), faults)
    match.allow(_MATCH_KEYS)
    user_agent, address = _parse_user_agent(match), _parse_address(match, ranges)
    header, time, others = _parse_header(match), _parse_time(match), _parse_others(match)
    behind = match.levels("recipient_behind", MailProvider)
    if len(faults) > known or agent is None or confidence is None:
        return None
    return Rule(
        signal=Signal(name=name, seen=seen, agent=agent, confidence=confidence, source=source),
        overrides=frozenset(overrides or ()),
        at_most_low=at_most_low,
        client=client,
        user_agent=user_agent,
        address=address,
        header=header,
        time=time,
        others=others,
        behind=behind or None,
    )


def _parse_user_agent(match: _Table) -> UserAgentMatch | None:
    equals = match.list_of("user_agent_equals", str)
    contains = match.list_of("user_agent_contains", str)
    lacks = match.list_of("user_agent_lacks", str)
    pattern = match.optional("user_agent_matches", str)
    behind = match.optional("user_agent_versions_behind_at_least", int)
    if behind is not None and behind < 1:
        match.fault("user_agent_versions_behind_at_least must be 1 or more")
    compiled: re.Pattern[str] | None = None
    if pattern is not None:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            match.fault(f"user_agent_matches is not a regular expression: {error}")
    found = UserAgentMatch(
        is_empty=match.optional("user_agent_is_empty", bool),
        equals=None if equals is None else frozenset(equals),
        contains=None if contains is None else tuple(word.lower() for word in contains),
        lacks=None if lacks is None else tuple(word.lower() for word in lacks),
        pattern=compiled,
        versions_behind=behind,
    )
    return found if found != UserAgentMatch() else None


def _parse_address(match: _Table, ranges: Mapping[str, AddressSet]) -> AddressMatch | None:
    name = match.optional("address_in", str)
    systems = match.list_of("autonomous_system_in", int)
    if name is not None and name not in ranges:
        match.fault(f"address_in is {name!r}, must be one of {', '.join(sorted(ranges))}")
    if name is None and systems is None:
        return None
    return AddressMatch(
        ranges_name=name or "",
        ranges=None if name is None else ranges.get(name),
        autonomous_systems=None if systems is None else frozenset(systems),
    )


def _parse_header(match: _Table) -> HeaderMatch | None:
    names = match.list_of("header_names", str)
    contains = match.list_of("header_contains", str)
    equals = match.list_of("header_equals", str)
    is_absent = match.optional("header_is_absent", bool)
    asked = [each for each in (contains, equals, is_absent) if each is not None]
    if names is None and not asked:
        return None
    if names is None or len(asked) != 1:
        match.fault(f"header_names and one of {', '.join(_HEADER_TESTS)} belong together")
    return HeaderMatch(
        names=frozenset(name.lower() for name in names or ()),
        contains=None if contains is None else tuple(word.lower() for word in contains),
        equals=None if equals is None else frozenset(value.lower() for value in equals),
        is_absent=is_absent,
    )


def _parse_others(match: _Table) -> OthersMatch | None:
    key = "messages_of_address_at_least"
    messages = match.optional(key, int)
    if messages is not None and not 1 < messages <= MAX_MESSAGES_OF_ADDRESS:
        match.fault(f"{key} must be 2 to {MAX_MESSAGES_OF_ADDRESS}")
    found = OthersMatch(
        messages_at_least=messages,
        is_second_network=match.optional("is_second_network", bool),
        is_scanned=match.optional("is_scanned", bool),
    )
    return found if found != OthersMatch() else None


def _parse_time(match: _Table) -> TimeMatch | None:
    found = TimeMatch(
        at_least=match.number("seconds_since_acceptance_at_least", 0.0),
        below=match.number("seconds_since_acceptance_below", float("inf")),
    )
    if found.at_least >= found.below:
        match.fault("no time is both at least and below what it says")
    return found if found != TimeMatch() else None
