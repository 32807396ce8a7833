"""One change of statistics by some opens.  See ADR 0034 for holders and repair."""

from collections.abc import Sequence

import sqlalchemy as sa

from pixel_service.open_log.sql.statistics.holders import BOUNDS, NOBODY, Holders
from pixel_service.open_log.sql.statistics.opens import CountedOpen, opens_at
from pixel_service.open_log.sql.statistics.state import State, write_state
from pixel_service.open_log.sql.statistics.tallies import AT_LEAST, Tallies
from pixel_service.open_log.statistics import CountingRules, OpenFacts
from pixel_service.open_log.values import Position


class Change:
    """Changes statistics by opens whose messages it knows."""

    def __init__(
        self,
        connection: sa.Connection,
        rules: CountingRules,
        state: State,
        touched: Sequence[CountedOpen],
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._state = state
        self._tallies = Tallies(connection, first_hour=state.first_hour, first_day=state.first_day)
        # As they are counted now; what is not of this change is read when it is needed.
        self._opens = {each.position: each for each in touched}
        self._holders = Holders(connection, touched)

    def count(self, open_: CountedOpen) -> None:
        """Count *open_*."""
        self._tallies.add(open_, 1)
        self.consider(open_)

    def consider(self, open_: CountedOpen) -> None:
        """Make *open_* the holder of its message if it qualifies and comes before another."""
        message = open_.message
        if message is None:
            return
        for bound in BOUNDS:
            holder = self._holders[message, bound]
            if _qualifies(open_, bound) and not NOBODY < holder <= open_.position:
                self._let_go(holder, bound)
                self._tallies.hold(open_, bound, 1)
                self._holders[message, bound] = open_.position

    def take_back(self, open_: CountedOpen, *, is_last: bool) -> None:
        """Take back what *open_*, which is to be erased, has counted; forget its message.

        Args:
            open_: the open.
            is_last: whether no open of the message is left, of which another could count.
        """
        self._tallies.add(open_, -1)
        message = open_.message
        if message is None:
            return
        if not is_last:
            self._repair_from(open_.position)
        for bound in BOUNDS:
            holder = self._holders[message, bound]
            if self._let_go(holder, bound) and not is_last:
                self._repair_from(holder)
            self._holders[message, bound] = NOBODY

    def judge_again(self, open_: CountedOpen, facts: OpenFacts) -> None:
        """Count *open_* as what it is now."""
        again = open_._replace(facts=facts)
        self._tallies.add(open_, -1)
        self._tallies.add(again, 1)
        message = open_.message
        if message is not None:
            for bound in BOUNDS:
                if self._holders[message, bound] == open_.position:
                    self._let_go(open_.position, bound)
                    self._holders[message, bound] = NOBODY
                    if not _qualifies(again, bound):
                        self._repair_from(open_.position)
        self._opens[open_.position] = again
        self.consider(again)

    def _let_go(self, holder: Position, bound: int) -> bool:
        """Take back that *holder* is one; return whether it was there to be asked."""
        if holder == NOBODY:
            return False
        if holder not in self._opens:
            self._opens.update(opens_at(self._connection, self._rules, [holder]))
        open_ = self._opens.get(holder)
        if open_ is None:
            return False
        self._tallies.hold(open_, bound, -1)
        return True

    def _repair_from(self, position: Position) -> None:
        before = Position(position.transaction, position.sequence - 1)
        if self._state.repair is None or before < self._state.repair:
            self._state.repair = before

    def write(self) -> None:
        """Write everything, with the state."""
        self._tallies.write()
        self._holders.write()
        write_state(self._connection, self._state)


def _qualifies(open_: CountedOpen, bound: int) -> bool:
    return open_.facts.is_surely_read if bound == AT_LEAST else open_.facts.may_be_read
