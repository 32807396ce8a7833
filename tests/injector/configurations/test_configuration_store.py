"""The store keeps configurations, on both databases alike."""

import asyncio
import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from injector_service.configurations.configuration import Configuration
from injector_service.configurations.store import ConfigurationStore, connect
from injector_service.configurations.store.engine import database
from injector_service.errors import (
    ConfigurationExists,
    ConfigurationNotFound,
    DatabaseUnusable,
    EtagMismatch,
    SenderBound,
)
from tests.injector.configurations.configuration_values import FULL


async def test_a_configuration_comes_back_as_it_was_given(store: ConfigurationStore) -> None:
    """Every field is kept, the times are now and in UTC, and the generation counts the write."""
    before = dt.datetime.now(dt.UTC)

    written = await store.create(FULL)

    stored = await store.get("full")
    assert stored == written.stored
    assert stored.configuration == FULL
    assert before <= stored.create_time <= dt.datetime.now(dt.UTC)
    assert stored.create_time == stored.update_time
    assert written.generation == await store.generation() == 1
    assert await store.load() == (1, [FULL])


async def test_configurations_outlive_the_process(database_url: str) -> None:
    """Opening the same database again finds what was kept."""
    async with connect(database_url) as store:
        written = await store.create(FULL)

    async with connect(database_url) as store:
        assert written.stored == await store.get("full")


async def test_an_id_is_taken_once(store: ConfigurationStore) -> None:
    """A second configuration with one ID is refused, and the first one stays."""
    await store.create(FULL)

    with pytest.raises(ConfigurationExists):
        await store.create(Configuration(id="full"))

    assert (await store.get("full")).configuration == FULL
    assert await store.generation() == 1


async def test_what_is_not_there_is_not_found(store: ConfigurationStore) -> None:
    """Getting, changing and deleting an unknown ID are refused, and nothing changes."""
    with pytest.raises(ConfigurationNotFound):
        await store.get("none")
    with pytest.raises(ConfigurationNotFound):
        await store.update("none", etag="", change=lambda it: it)
    with pytest.raises(ConfigurationNotFound):
        await store.delete("none", etag="")

    assert await store.generation() == 0


async def test_pages_are_ordered_by_octets(store: ConfigurationStore) -> None:
    """Pages give every configuration once, ordered by ID whatever the database's locale."""
    ids = ["a", "a-b", "a-c", "a0", "aa", "b", "b-", "b-a", "ba"]
    for configuration_id in reversed(ids):
        await store.create(Configuration(id=configuration_id))

    first = await store.page(after="", limit=4)
    second = await store.page(after=first[-1].configuration.id, limit=100)

    assert sorted(ids) == [stored.configuration.id for stored in (*first, *second)]
    assert len(first) == 4


async def test_an_update_changes_what_it_says_and_the_etag(store: ConfigurationStore) -> None:
    """What is not changed stays; etag and update time move, create time does not."""
    before = (await store.create(FULL)).stored

    written = await store.update(
        "full",
        etag=before.etag,
        change=lambda it: dataclasses.replace(it, senders=("other.example",)),
    )

    after = await store.get("full")
    assert after == written.stored
    assert after.configuration == dataclasses.replace(FULL, senders=("other.example",))
    assert after.etag != before.etag
    assert after.create_time == before.create_time
    assert after.update_time >= before.update_time


async def test_a_stale_etag_changes_nothing(store: ConfigurationStore) -> None:
    """Whoever has not seen the last change can neither change nor delete."""
    stale = (await store.create(FULL)).stored.etag
    current = (await store.update("full", etag=stale, change=lambda it: it)).stored

    with pytest.raises(EtagMismatch) as update:
        await store.update("full", etag=stale, change=lambda _: Configuration(id="full"))
    with pytest.raises(EtagMismatch):
        await store.delete("full", etag=stale)

    assert update.value.metadata == {"configuration_id": "full", "etag": current.etag}
    assert current == await store.get("full")


async def test_an_etag_does_not_fit_a_successor(store: ConfigurationStore) -> None:
    """A configuration that was deleted and made again does not answer to its old etag."""
    old = (await store.create(FULL)).stored.etag
    await store.delete("full", etag=old)
    await store.create(FULL)

    with pytest.raises(EtagMismatch):
        await store.delete("full", etag=old)


@pytest.mark.parametrize(
    "sender", ["news@example.com", "MÜNCHEN.example", "xn--mnchen-3ya.example"]
)
async def test_a_sender_has_one_configuration(store: ConfigurationStore, sender: str) -> None:
    """However it is spelled, a sender that is bound cannot be bound elsewhere."""
    await store.create(FULL)
    await store.create(Configuration(id="other"))

    with pytest.raises(SenderBound) as create:
        await store.create(Configuration(id="third", senders=("free.example", sender)))
    with pytest.raises(SenderBound):
        await store.update(
            "other", etag="", change=lambda it: dataclasses.replace(it, senders=(sender,))
        )

    assert create.value.metadata == {
        "field": "configuration.senders[1]",
        "configuration_id": "full",
    }
    assert (await store.get("other")).configuration.senders == ()
    with pytest.raises(ConfigurationNotFound):
        await store.get("third")


async def test_a_sender_is_free_again(store: ConfigurationStore) -> None:
    """Deleting a configuration, or taking a sender off it, frees the sender."""
    await store.create(FULL)
    await store.update("full", etag="", change=lambda it: dataclasses.replace(it, senders=("a.b",)))
    await store.create(Configuration(id="second", senders=("news@example.com",)))
    await store.delete("full", etag="")

    stored = (await store.create(Configuration(id="third", senders=("a.b",)))).stored

    assert stored.configuration.senders == ("a.b",)


async def test_one_of_many_writers_wins(database_url: str) -> None:
    """Of processes that change one configuration by one etag at once, one succeeds."""
    async with connect(database_url) as here, connect(database_url) as there:
        etag = (await here.create(Configuration(id="shared"))).stored.etag

        results = await asyncio.gather(
            *(
                store.update(
                    "shared",
                    etag=etag,
                    change=lambda it, name=f"{number}": dataclasses.replace(it, display_name=name),  # type: ignore[misc] # bound now
                )
                for number in range(4)
                for store in (here, there)
            ),
            return_exceptions=True,
        )

        winners = [each for each in results if not isinstance(each, BaseException)]
        losers = [each for each in results if isinstance(each, BaseException)]
        assert len(winners) == 1
        assert {EtagMismatch} == {type(each) for each in losers}
        assert winners[0].stored == await there.get("shared")


async def test_every_write_has_its_generation(database_url: str) -> None:
    """Writes of several processes at once are counted one by one, none twice."""
    async with connect(database_url) as here, connect(database_url) as there:
        written = await asyncio.gather(
            *(here.create(Configuration(id=f"here-{number}")) for number in range(5)),
            *(there.create(Configuration(id=f"there-{number}")) for number in range(5)),
        )

        assert list(range(1, 11)) == sorted(each.generation for each in written)
        assert len((await here.load())[1]) == 10


async def test_processes_may_start_at_once(database_url: str) -> None:
    """Several processes that find an empty database make its tables together."""

    async def start(number: int) -> None:
        async with connect(database_url) as store:
            await store.create(Configuration(id=f"c{number}"))

    await asyncio.gather(*(start(number) for number in range(4)))

    async with connect(database_url) as store:
        assert await store.generation() == 4


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mysql://user:secret@host/name", "must start with sqlite:/// or postgresql://"),
        ("no url at all", "must start with sqlite:/// or postgresql://"),
        ("sqlite:////no/such/folder/injector.db", "/no/such/folder: no such folder"),
        ("postgresql://user:secret@127.0.0.1:1/name", "cannot open the database: .*Connect"),
    ],
)
async def test_an_unusable_database_is_said_without_its_password(url: str, text: str) -> None:
    """A wrong URL is one line that says what is wrong, and holds no secret."""
    with pytest.raises(DatabaseUnusable, match=text) as raised:
        async with connect(url):
            pass

    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_errors_of_the_database_hold_no_parameters(database_url: str) -> None:
    """What is logged of an error tells no sender's address."""
    async with database(database_url) as engine, engine.connect() as connection:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            await connection.execute(
                sa.text("INSERT INTO nowhere VALUES (:sender)"), {"sender": "a@example.com"}
            )

    assert "nowhere" in str(caught.value)
    assert "a@example.com" not in str(caught.value)
