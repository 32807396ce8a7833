"""Any sequence of calls leaves the log and its subscriptions as a simple model says."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import tempfile
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pixel_service.errors import CursorExpired, SessionStale, SubscriptionNotFound
from pixel_service.open_log import BEGINNING, OpenLog, Position
from tests.fixtures.postgres import Postgres
from tests.pixel.open_log.log_values import (
    EMPTY_LOG,
    LogHome,
    erase,
    event_id_in,
    event_id_of,
    new_open,
    numbers_of,
    read_all,
    trim,
)

Answer = TypeVar("Answer")

KEYS = (None, b"a" * 16, b"b" * 16)
SUBSCRIPTIONS = ("crm", "erp")


@dataclasses.dataclass(slots=True)
class ModelOpen:
    """One open, as the log should hold it."""

    event_id: str
    message_key: bytes | None
    number: int
    is_visible: bool
    position: Position | None = None

    def is_counted_with(self, other: "ModelOpen") -> bool:
        """Return whether this is only counted, and of the message of *other*."""
        return not self.is_visible and self.message_key == other.message_key is not None


@dataclasses.dataclass(slots=True)
class ModelSubscription:
    """One subscription, as it should be kept."""

    acknowledged: Position
    token: str = ""


class LogMachine(RuleBasedStateMachine):
    """Drives a log and a model of it side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.home = self.new_home()
        self.loop = asyncio.new_event_loop()
        self.stack = contextlib.AsyncExitStack()
        self.log: OpenLog = self.run(self.stack.enter_async_context(self.home.connect()))
        self.opens: list[ModelOpen] = []
        self.trimmed = 0
        self.counts: dict[bytes, int] = {}
        self.subscriptions: dict[str, ModelSubscription] = {}

    def new_home(self) -> LogHome:
        """Return the place of an empty log."""
        raise NotImplementedError

    def run(self, awaitable: Awaitable[Answer]) -> Answer:
        async def awaited() -> Answer:
            return await awaitable

        return self.loop.run_until_complete(awaited())

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()

    def places(self) -> list[Position]:
        """Return the positions that a client may hold, trimmed ones included."""
        return [BEGINNING, *(open_.position for open_ in self.opens if open_.position)]

    @rule(
        kinds=st.lists(
            st.tuples(st.sampled_from(KEYS), st.booleans(), st.booleans()), min_size=1, max_size=6
        )
    )
    def append(self, kinds: list[tuple[bytes | None, bool, bool]]) -> None:
        """Append some opens, and some again that are there."""
        batch = []
        for key, is_visible, is_repeated in kinds:
            if is_repeated and self.opens[self.trimmed :]:
                batch.append(new_open(self.opens[-1].event_id, message_key=key))
                continue
            open_ = new_open(message_key=key, notified=is_visible)
            batch.append(open_)
            number = 0
            if key is not None:
                number = self.counts[key] = self.counts.get(key, 0) + 1
            self.opens.append(ModelOpen(open_.event_id, key, number, is_visible))
        self.run(self.log.append(batch))
        for entry in self.run(read_all(self.log, after=self.run(self.log.earliest()))):
            self.find(event_id_of(entry)).position = entry.position

    def find(self, event_id: str) -> ModelOpen:
        return next(open_ for open_ in self.opens if open_.event_id == event_id)

    @rule(choice=st.integers(0, 1_000), page=st.integers(1, 5))
    def read(self, choice: int, page: int) -> None:
        """Read to the end from anywhere."""
        places = self.places()
        after = places[choice % len(places)]
        if after < self.run(self.log.earliest()):
            with pytest.raises(CursorExpired):
                self.run(read_all(self.log, after=after, max_entries=page))
            return

        entries = self.run(read_all(self.log, after=after, max_entries=page))
        expected = [
            (open_.event_id, open_.number)
            for open_ in self.opens[self.trimmed :]
            if open_.is_visible and open_.position and open_.position > after
        ]
        assert [(event_id_of(entry), numbers_of(entry)[0]) for entry in entries] == expected

    @rule()
    def trim(self) -> None:
        """Remove everything."""
        removed = self.run(trim(self.log, older_than=dt.timedelta(0)))
        assert removed.entries == len(self.opens) - self.trimmed
        self.trimmed = len(self.opens)
        self.counts.clear()

    @rule(choice=st.integers(0, 1_000))
    def erase(self, choice: int) -> None:
        """Erase one open, and with it what is only counted of its message from then on."""
        visible = [open_ for open_ in self.opens[self.trimmed :] if open_.is_visible]
        if not visible:
            return
        match = visible[choice % len(visible)]
        following = self.opens[self.opens.index(match) + 1 :]
        doomed = [match, *(each for each in following if each.is_counted_with(match))]
        erased = self.run(erase(self.log, lambda octets: event_id_in(octets) == match.event_id))
        assert erased == len(doomed)
        if match.message_key is not None:
            self.counts.pop(match.message_key, None)
        for open_ in doomed:
            open_.is_visible = False
            open_.message_key = None

    @rule()
    def reopen(self) -> None:
        """Close the log and open it again."""
        self.run(self.stack.aclose())
        self.log = self.run(self.stack.enter_async_context(self.home.connect()))

    @rule(name=st.sampled_from(SUBSCRIPTIONS))
    def create(self, name: str) -> None:
        """Create a subscription at the head."""
        if name in self.subscriptions:
            return
        head = self.run(self.log.head())
        self.run(self.log.subscriptions.create_subscription(name, start=head))
        self.subscriptions[name] = ModelSubscription(head)

    @rule(name=st.sampled_from(SUBSCRIPTIONS))
    def begin_session(self, name: str) -> None:
        """Take a subscription over."""
        self.expect(
            name,
            lambda: self.log.subscriptions.begin_session(name, consumer_name="x"),
            lambda session: setattr(self.subscriptions[name], "token", session.token),
        )

    @rule(name=st.sampled_from(SUBSCRIPTIONS), choice=st.integers(0, 1_000), stale=st.booleans())
    def acknowledge(self, name: str, choice: int, *, stale: bool) -> None:
        """Acknowledge any place, with the right token or a wrong one."""
        places = self.places()
        up_to = places[choice % len(places)]
        model = self.subscriptions.get(name)
        token = "" if model is None or stale else model.token
        if model is not None and not token:
            with pytest.raises(SessionStale):
                self.run(self.log.subscriptions.acknowledge(name, up_to=up_to, session_token=token))
            return

        def check(acknowledged: Position) -> None:
            assert model is not None
            model.acknowledged = max(model.acknowledged, up_to)
            assert acknowledged == model.acknowledged

        self.expect(
            name,
            lambda: self.log.subscriptions.acknowledge(name, up_to=up_to, session_token=token),
            check,
        )

    @rule(name=st.sampled_from(SUBSCRIPTIONS))
    def seek(self, name: str) -> None:
        """Move a subscription to the start of what is left."""
        earliest = self.run(self.log.earliest())

        def check(_: object) -> None:
            self.subscriptions[name] = ModelSubscription(earliest)

        self.expect(
            name, lambda: self.log.subscriptions.seek_subscription(name, to=earliest), check
        )

    @rule(name=st.sampled_from(SUBSCRIPTIONS))
    def delete(self, name: str) -> None:
        """Delete a subscription."""
        self.expect(
            name,
            lambda: self.log.subscriptions.delete_subscription(name),
            lambda _: self.subscriptions.pop(name),
        )

    def expect(
        self,
        name: str,
        call: Callable[[], Awaitable[Answer]],
        check: Callable[[Answer], object],
    ) -> None:
        """Call what must fail if there is no such subscription."""
        if name in self.subscriptions:
            check(self.run(call()))
            return
        with pytest.raises(SubscriptionNotFound):
            self.run(call())

    @invariant()
    def agrees(self) -> None:
        """The ends, the size and the subscriptions are those of the model."""
        stats = self.run(self.log.stats())
        assert (stats.earliest, stats.head) == (
            self.run(self.log.earliest()),
            self.run(self.log.head()),
        )
        assert self.run(self.log.lag(stats.head)) == 0
        listed = self.run(self.log.subscriptions.list_subscriptions(after_id="", limit=10))
        assert {each.id: each.acknowledged for each in listed} == {
            name: model.acknowledged for name, model in self.subscriptions.items()
        }
        for each in listed:
            assert each.fell_behind == (each.acknowledged < stats.earliest)


@pytest.mark.timeout(180)
def test_an_sqlite_log_behaves_as_the_model() -> None:
    """Whatever is called in whatever order, SQLite holds what the model holds."""
    with tempfile.TemporaryDirectory() as folder:

        class Machine(LogMachine):
            def new_home(self) -> LogHome:
                return LogHome(url=f"sqlite:///{tempfile.mkdtemp(dir=folder)}/opens.db")

        run_state_machine_as_test(Machine, settings=_settings(examples=20))


@pytest.mark.timeout(180)
def test_a_postgres_log_behaves_as_the_model(postgres: Postgres, database: str) -> None:
    """Whatever is called in whatever order, PostgreSQL holds what the model holds."""

    class Machine(LogMachine):
        def new_home(self) -> LogHome:
            asyncio.run(postgres.execute(database, EMPTY_LOG))
            return LogHome(url=postgres.url_of(database))

    run_state_machine_as_test(Machine, settings=_settings(examples=8))


def _settings(*, examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
