"""A rule file is used as a whole, or refused with every fault named."""

import datetime as dt
from pathlib import Path

import pytest

from pixel_service.evidence import Agent, Fetch, RulesInvalid, load_judge
from pixel_service.evidence.ranges import AddressSet, parse_ranges
from pixel_service.evidence.rule_file import MAX_RULES, parse_rules, read_rules

RANGES = {"office": AddressSet.of(parse_ranges("192.0.2.0/24"))}
GOOD = """
version = "mine"
[[rules]]
name = "office"
agent = "PERSON"
confidence = "HIGH"
seen = "address in our office"
source = "we sit there"
match.address_in = "office"
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(RulesInvalid) as caught:
        parse_rules(text, RANGES)
    return list(caught.value.faults)


def test_good_rules_are_read() -> None:
    """A file without faults gives its rules."""
    ruleset = parse_rules(GOOD, RANGES)

    assert ruleset.version == "mine"
    assert [rule.name for rule in ruleset.rules] == ["office"]


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ('version = "mine"', "", "version is missing"),
        ('version = "mine"', 'version = "mine"\nrule = 1', "rule is not known"),
        ('"PERSON"', '"HUMAN"', "rule office: agent is 'HUMAN', must be one of PERSON, "),
        ('"PERSON"', '"UNSPECIFIED"', "rule office: agent is 'UNSPECIFIED', must be one of"),
        ('"HIGH"', '"SURE"', "rule office: confidence is 'SURE', must be one of LOW, MEDIUM, HIGH"),
        ('"HIGH"', "3", "rule office: confidence must be of type str"),
        ('source = "we sit there"', "", "rule office: source is missing"),
        ('seen = "address in our office"', 'seen = ""', "rule office: seen is missing"),
        ('name = "office"', 'name = "Our office"', "rule Our office: name must consist of a-z"),
        ('name = "office"', "", "rule 1: name is missing"),
        ('match.address_in = "office"', "", "rule office: match is missing"),
        ('address_in = "office"', 'address_in = "home"', "address_in is 'home', must be one of"),
        ('address_in = "office"', "adress_in = 1", "rule office: adress_in is not known"),
        ('address_in = "office"', 'user_agent_matches = "("', "is not a regular expression"),
        ('address_in = "office"', "user_agent_equals = []", "must be a list of str, not empty"),
        ('address_in = "office"', "user_agent_equals = [1]", "must be a list of str, not empty"),
        ('address_in = "office"', "autonomous_system_in = [true]", "must be a list of int"),
        ('address_in = "office"', 'header_names = ["x"]', "belong together"),
        ('address_in = "office"', 'header_equals = ["x"]', "belong together"),
        (
            'address_in = "office"',
            'header_names = ["x"]\nmatch.header_equals = ["x"]\nmatch.header_is_absent = true',
            "belong together",
        ),
        (
            'address_in = "office"',
            'header_names = ["x"]\nmatch.header_is_absent = "yes"',
            "header_is_absent must be of type bool",
        ),
        (
            'address_in = "office"',
            "user_agent_versions_behind_at_least = 0",
            "must be 1 or more",
        ),
        (
            "match.address_in",
            'at_most_low = ["HUMAN"]\nmatch.address_in',
            "at_most_low has 'HUMAN', must be of PERSON, ",
        ),
        (
            'address_in = "office"',
            "seconds_since_acceptance_below = -1",
            "must be a number of seconds",
        ),
        (
            'address_in = "office"',
            "seconds_since_acceptance_below = nan",
            "must be a number of seconds",
        ),
        (
            'address_in = "office"',
            "seconds_since_acceptance_below = 0",
            "no time is both at least and below",
        ),
        ("match.address_in", 'overrides = ["x"]\nmatch.address_in', "overrides 'x', which is no"),
        ("match.address_in", 'overrides = ["office"]\nmatch.address_in', "overrides itself"),
        ("[[rules]]", "[[rules]\n", "is not TOML"),
    ],
)
def test_fault_is_named_in_one_line(good: str, bad: str, fault: str) -> None:
    """Each fault says where it is and what would be right."""
    assert good in GOOD
    (line,) = [line for line in faults_of(GOOD.replace(good, bad)) if fault in line]

    assert "\n" not in line


@pytest.mark.parametrize(
    ("test", "headers", "holds"),
    [
        ('header_contains = ["B"]', {"x": "abc"}, True),
        ('header_contains = ["B"]', {"z": "abc"}, False),
        ('header_equals = ["Abc"]', {"y": "aBC"}, True),
        ('header_equals = ["ab"]', {"x": "abc", "y": "a"}, False),
        ("header_is_absent = true", {}, True),
        ("header_is_absent = true", {"y": ""}, False),
        ("header_is_absent = false", {}, False),
        ("header_is_absent = false", {"x": ""}, True),
    ],
)
def test_header_fields_are_tried(test: str, headers: dict[str, str], *, holds: bool) -> None:
    """Of the named fields one contains a word, one is equal to one, or none is there."""
    text = GOOD.replace('address_in = "office"', f'header_names = ["X", "y"]\nmatch.{test}')
    (rule,) = parse_rules(text, RANGES).rules

    assert rule.header is not None
    assert rule.header.holds(headers) is holds


def test_every_fault_is_named_at_once() -> None:
    """An operator corrects a file once, not fault by fault."""
    text = GOOD.replace('"PERSON"', '"HUMAN"').replace('"HIGH"', '"SURE"').replace("seen", "sehen")

    assert len(faults_of(text)) == 4


def test_a_name_stands_once() -> None:
    """Two rules of one name are a fault."""
    assert faults_of(GOOD + GOOD.partition("[[rules]]")[1] + GOOD.partition("[[rules]]")[2]) == [
        "rule office: there are several of this name"
    ]


def test_rules_are_bounded() -> None:
    """A file with too many rules is refused."""
    _, table, rule = GOOD.partition("[[rules]]")

    assert faults_of('version = "x"\n' + (table + rule) * (MAX_RULES + 1)) == [
        f"has more than {MAX_RULES} rules"
    ]


def test_rules_that_are_no_tables_are_a_fault() -> None:
    """What is not a table is named by its place."""
    assert "rule 1: must be a table" in faults_of('version = "x"\nrules = [1]')


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The path stands in the fault."""
    missing = tmp_path / "rules.toml"
    with pytest.raises(RulesInvalid, match=r"rules\.toml: No such file"):
        read_rules(missing, RANGES)
    missing.write_bytes(b"\xff")
    with pytest.raises(RulesInvalid, match=r"rules\.toml: is not UTF-8"):
        read_rules(missing, RANGES)


def test_operators_rules_and_ranges_replace_the_built_in_ones(tmp_path: Path) -> None:
    """A rule file with a range of the operator's own judges by it."""
    (tmp_path / "rules.toml").write_text(GOOD)
    (tmp_path / "office.txt").write_text("192.0.2.0/24 # we\n")
    judge = load_judge(rules=tmp_path / "rules.toml", ranges=tmp_path)
    evidence = judge.judge(
        Fetch(
            ip_address="192.0.2.3",
            user_agent="curl/8",
            headers={},
            open_time=dt.datetime.now(dt.UTC),
            acceptance_time=None,
        )
    )

    assert evidence.agent is Agent.PERSON
    assert evidence.ruleset_version.startswith("mine+")
    assert judge.header_names == ()
