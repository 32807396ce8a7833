"""Counts tracked messages in memory: one step in a dictionary for each, whatever its tags.

Messages that are alike share an entry; what it means is spelled out when it is collected,
once a second, and tags are bounded there.
"""

import collections
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from injector_service.privacy import PrivacyLevel
from injector_service.tracking.values import HOUR_US, HOURS_OF_DAY, Dimension, TrackedKind
from service_runtime.mailbox_providers import mailbox_provider_of
from service_runtime.turns import Turns

# Messages between two collections that are alike in nothing: more than a process rewrites
# in a second, in 5 MB.  Beyond it tags are not told apart.
MAX_ALIKE: Final = 10_000

# Tags of one configuration and day that are told apart, as statistics do; of all together,
# 20 MB.  Tags that name a message each would fill the database with as many counts.
MAX_TAGS: Final = 1_000
MAX_ALL_TAGS: Final = 100_000

# What waits while the database is away: half a day of a hundred configurations with all of
# their providers and levels, in 50 MB.  Beyond it only what waits already grows.
MAX_WAITING: Final = 100_000

# Of a tag that is not told apart.
_ANY_TAGS: Final = (("", ""),)

_Alike: TypeAlias = tuple[int, Sequence[str], PrivacyLevel, str, tuple[tuple[str, str], ...]]


class TrackedCounter:
    """Messages that were tracked and are not in the database yet."""

    def __init__(self) -> None:
        self._alike: dict[_Alike, int] = {}
        self._tags: dict[tuple[int, str], set[str]] = {}
        self._tag_count = 0
        self.waiting: collections.Counter[TrackedKind] = collections.Counter()
        self.uncounted = 0
        """Counts that there was no room for."""

    def add(
        self,
        time_us: int,
        configuration_ids: tuple[str, ...],
        level: PrivacyLevel,
        recipient: str,
        tags: Mapping[str, str],
    ) -> None:
        """Count a message.

        Args:
            time_us: when it was rewritten, in microseconds since 1970 UTC.
            configuration_ids: those that track it.
            level: how much is kept of its opens.
            recipient: the one recipient's address; of other levels than FULL and MASKED it
                is not looked at.
            tags: the message's; not looked at for ANONYMOUS, whose opens have none.
        """
        provider = mailbox_provider_of(recipient) if level < PrivacyLevel.PSEUDONYMOUS else ""
        told = tuple(tags.items()) if tags and level < PrivacyLevel.ANONYMOUS else ()
        key = (time_us // HOUR_US, configuration_ids, level, provider, told)
        alike = self._alike
        count = alike.get(key, 0)
        if not count and told and len(alike) >= MAX_ALIKE:
            key = (*key[:4], _ANY_TAGS)
            count = alike.get(key, 0)
        alike[key] = count + 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._alike and not self.waiting

    async def collect(self) -> None:
        """Spell out what was counted since, so that it can be taken from `waiting`."""
        alike, self._alike = self._alike, {}
        turns = Turns()
        for (hour, configuration_ids, level, provider, tags), count in alike.items():
            for configuration_id in configuration_ids:
                self._spell(hour, configuration_id, Dimension.ALL, "", count)
                self._spell(
                    hour,
                    configuration_id,
                    Dimension.PRIVACY_LEVEL,
                    f"PRIVACY_LEVEL_{level.name}",
                    count,
                )
                self._spell(hour, configuration_id, Dimension.MAILBOX_PROVIDER, provider, count)
                for value in {self._told_apart(hour, configuration_id, each) for each in tags}:
                    self._spell(hour, configuration_id, Dimension.TAG, value, count)
            await turns.share()

    def _spell(
        self, hour: int, configuration_id: str, dimension: Dimension, value: str, count: int
    ) -> None:
        kind = TrackedKind(hour, configuration_id, dimension, value)
        if kind not in self.waiting and len(self.waiting) >= MAX_WAITING:
            if dimension is Dimension.TAG:
                kind = kind._replace(value="")
            if kind not in self.waiting:
                self.uncounted += count
                return
        self.waiting[kind] += count

    def _told_apart(self, hour: int, configuration_id: str, tag: tuple[str, str]) -> str:
        key, value = tag
        if not key:
            return ""
        day = hour // HOURS_OF_DAY
        known = self._tags.get((day, configuration_id))
        if known is None:
            # Of a day that is over none are needed.
            for old in [each for each in self._tags if each[0] < day - 1]:
                self._tag_count -= len(self._tags.pop(old))
            known = self._tags[day, configuration_id] = set()
        text = f"{key}={value}"
        if text not in known:
            if len(known) >= MAX_TAGS or self._tag_count >= MAX_ALL_TAGS:
                return ""
            known.add(text)
            self._tag_count += 1
        return text
