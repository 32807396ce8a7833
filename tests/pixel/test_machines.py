"""Several machines share a log on PostgreSQL, each with a journal and a log process of its own."""

import asyncio
from pathlib import Path

import grpc

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc
from pixel_service.server import Addresses
from service_runtime.drain import Drain
from tests.fixtures.postgres import Postgres
from tests.pixel.service_values import a_token, seal
from tests.pixel.test_service import RING, a_service, fetch

OPENS_EACH = 20


async def fetch_all(addresses: Addresses, message_ids: list[str]) -> None:
    """Fetch the pixels one after the other, as one client does."""
    for each in message_ids:
        await fetch(addresses.http, seal(a_token(each), RING))


async def live(addresses: Addresses, count: int) -> list[str]:
    """Return the message IDs of the first *count* opens, by a stream that waits for them."""
    found: list[str] = []
    async with grpc.aio.insecure_channel(addresses.grpc) as channel:
        call = pb_grpc.PixelServiceStub(channel).StreamOpens(
            pb.StreamOpensRequest(position=pb.POSITION_EARLIEST)
        )
        while len(found) < count:
            response = await call.read()
            assert isinstance(response, pb.StreamOpensResponse)
            found += [each.mail.message_id for each in response.batch.notifications]
        call.cancel()
    return found


async def test_stream_of_each_machine_has_the_opens_of_all(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    """Wherever a pixel is fetched, every stream has its open, once, all in one order."""
    url = postgres.url_of(database)
    names = [[f"{machine}-{number}" for number in range(OPENS_EACH)] for machine in "ab"]
    async with (
        a_service(tmp_path / "a", Drain(), log_url=url) as one,
        a_service(tmp_path / "b", Drain(), log_url=url) as other,
    ):
        streams = [asyncio.create_task(live(each, 2 * OPENS_EACH)) for each in (one, other)]
        await asyncio.gather(fetch_all(one, names[0]), fetch_all(other, names[1]))
        at_one, at_other = await asyncio.gather(*streams)

    assert at_one == at_other
    assert sorted(at_one) == sorted(names[0] + names[1])
    for each in names:
        assert [found for found in at_one if found in each] == each
