"""Operators are told that somebody else's transaction in PostgreSQL holds streams back."""

import re
from pathlib import Path

from service_runtime.drain import Drain
from tests.fixtures.postgres import Postgres
from tests.pixel.open_log.test_open_log_postgres import connection_to
from tests.pixel.recording.test_outage import ask, until_told
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import RING, a_service, fetch


async def test_operators_are_told_that_opens_are_held_back(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    """Since when; and the service is ready, since no other could do better."""
    url = postgres.url_of(database)
    async with a_service(tmp_path, Drain(), log_url=url) as addresses:
        assert await until_told(addresses, "opens are not held back: yes") == 200
        async with connection_to(postgres, database) as elsewhere, elsewhere.transaction():
            await elsewhere.execute("CREATE TEMPORARY TABLE something (id int)")
            await fetch(addresses.http, seal(a_token(), RING))
            assert await until_told(addresses, "opens are not held back: no (since 2") == 200
            _, metrics = await ask(addresses.admin, "metrics")
        assert await until_told(addresses, "opens are not held back: yes") == 200

    seconds = re.search(r"^streams_held_back_seconds (\S+)$", metrics, re.MULTILINE)
    assert seconds is not None
    assert float(seconds[1]) >= 1
