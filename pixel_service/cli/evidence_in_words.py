"""Rules and evidence in words, for the operator's commands."""

from collections.abc import Iterator

from pixel_service.evidence import Evidence, HeaderMatch, OthersMatch, Rule


def asked_by(rule: Rule) -> dict[str, str]:
    """Return what *rule* asks, in words, by the kind of fact."""
    asked: dict[str, str] = {}
    if (agent := rule.user_agent) is not None:
        tests = {
            "is empty": agent.is_empty,
            "is": agent.equals and " | ".join(sorted(agent.equals)),
            "contains": agent.contains and " | ".join(agent.contains),
            "lacks": agent.lacks and " | ".join(agent.lacks),
            "matches": agent.pattern and agent.pattern.pattern,
            "is of a browser older by versions, at least": agent.versions_behind,
        }
        asked["user agent"] = "; ".join(
            f"{test} {value}" for test, value in tests.items() if value is not None
        )
    if rule.address is not None:
        systems = ", ".join(map(str, sorted(rule.address.autonomous_systems or ())))
        asked["address"] = f"in {rule.address.ranges_name or f'autonomous systems {systems}'}"
    if rule.header is not None:
        asked["header"] = f"{' | '.join(sorted(rule.header.names))} {_header_test(rule.header)}"
    if rule.time is not None:
        asked["time"] = f"from {rule.time.at_least:g} s to below {rule.time.below:g} s"
    if rule.others is not None:
        asked["other fetches"] = "; ".join(_others_tests(rule.others))
    if rule.behind is not None:
        asked["recipient"] = f"behind {' | '.join(sorted(each.name for each in rule.behind))}"
    return asked


def _header_test(header: HeaderMatch) -> str:
    if header.is_absent is not None:
        return "is absent" if header.is_absent else "is there"
    if header.equals is not None:
        return f"is {' | '.join(sorted(header.equals))}"
    return f"contains {' | '.join(header.contains or ())}"


def _others_tests(others: OthersMatch) -> Iterator[str]:
    if others.messages_at_least is not None:
        yield f"of at least {others.messages_at_least} messages by the address within a second"
    if others.is_second_network is not None:
        yield f"by another network just before: {'yes' if others.is_second_network else 'no'}"
    if others.is_scanned is not None:
        yield f"by a scanner's network before: {'yes' if others.is_scanned else 'no'}"


def rule_as_json(rule: Rule) -> dict[str, object]:
    """Return *rule* for JSON."""
    return {
        "name": rule.name,
        "agent": rule.signal.agent.name,
        "confidence": rule.signal.confidence.name,
        "seen": rule.signal.seen,
        "if": asked_by(rule),
        "overrides": sorted(rule.overrides),
        "atMostLow": sorted(agent.name for agent in rule.at_most_low),
        "source": rule.signal.source,
    }


def evidence_as_json(found: Evidence) -> dict[str, object]:
    """Return *found* for JSON."""
    since = found.since_acceptance
    return {
        "agent": found.agent.name,
        "confidence": found.confidence.name,
        "signals": [
            {
                "name": signal.name,
                "seen": signal.seen,
                "agent": signal.agent.name,
                "confidence": signal.confidence.name,
                "source": signal.source,
            }
            for signal in found.signals
        ],
        "sinceAcceptance": None if since is None else f"{since.total_seconds():g}s",
        "rulesetVersion": found.ruleset_version,
        "client": found.client and found.client._asdict(),
        "network": found.network and found.network._asdict(),
    }
