"""Judges from files: rules, address ranges, network databases."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from pixel_service.evidence.browser_versions import releases_digest_input
from pixel_service.evidence.client import load_client_reader
from pixel_service.evidence.errors import RangesInvalid
from pixel_service.evidence.judge import Judge
from pixel_service.evidence.network import NetworkDatabases, load_network_reader
from pixel_service.evidence.range_files import NamedRanges, digest_of, load_ranges
from pixel_service.evidence.ranges import AddressSet
from pixel_service.evidence.rule_file import read_rules
from pixel_service.evidence.rules import Rule, RuleSet


class JudgeLoader:
    """Loads judges of the same rules, each with the address ranges as they are then.

    The first takes about 0.3 s, most of it for the expressions that read user agents.
    """

    def __init__(
        self,
        *,
        rules: Path | None = None,
        ranges: Path | None = None,
        networks: NetworkDatabases | None = None,
    ) -> None:
        """Read the rules, and open the databases.

        Args:
            rules: A rule file that replaces the built-in one.
            ranges: A folder of address ranges; its files replace built-in ones of
                the same name, or add to them.
            networks: Databases of network operators.

        Raises:
            EvidenceError: something that was supplied cannot be used.
        """
        self._folder = ranges
        self.ranges: Mapping[str, NamedRanges] = load_ranges(ranges)
        """Those of the judge that was loaded last."""
        with contextlib.ExitStack() as stack:
            builtin = resources.files(__package__).joinpath("rules.toml")
            path = rules or stack.enter_context(resources.as_file(builtin))
            self._rules = read_rules(path, _sets(self.ranges))
            self._digest_input = path.read_bytes() + releases_digest_input()
        self._read_client = load_client_reader()
        self._read_network = load_network_reader(networks) if networks else None

    def load(self) -> Judge:
        """Return a judge by the ranges in the folder as they are now.

        Raises:
            RangesInvalid: they cannot be used; `ranges` stay those from before.
        """
        ranges = load_ranges(self._folder, known=self.ranges)
        sets = _sets(ranges)
        rules = tuple(_with_ranges(rule, sets) for rule in self._rules.rules)
        digest = hashlib.blake2b(self._digest_input + digest_of(ranges), digest_size=4)
        self.ranges = ranges
        return Judge(
            RuleSet(version=f"{self._rules.version}+{digest.hexdigest()}", rules=rules),
            read_client=self._read_client,
            read_network=self._read_network,
        )


def load_judge(
    *,
    rules: Path | None = None,
    ranges: Path | None = None,
    networks: NetworkDatabases | None = None,
) -> Judge:
    """Return a judge by the rules in the file *rules*, or by the built-in ones; as `JudgeLoader`.

    Raises:
        EvidenceError: something that was supplied cannot be used.
    """
    return JudgeLoader(rules=rules, ranges=ranges, networks=networks).load()


def _sets(ranges: Mapping[str, NamedRanges]) -> dict[str, AddressSet]:
    return {name: each.addresses for name, each in ranges.items()}


def _with_ranges(rule: Rule, sets: Mapping[str, AddressSet]) -> Rule:
    """Return *rule* with the address ranges that it names as they are in *sets*."""
    if rule.address is None or rule.address.ranges is None:
        return rule
    name = rule.address.ranges_name
    if name not in sets:
        raise RangesInvalid(f"rule {rule.name} needs address ranges {name}, which are gone")
    return dataclasses.replace(rule, address=dataclasses.replace(rule.address, ranges=sets[name]))
