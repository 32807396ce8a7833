"""Opens of the log: a pixel is answered some milliseconds before its open is there."""

import asyncio

from emailopens.pixel.v1 import pixel_service_pb2 as pb
from emailopens.pixel.v1 import pixel_service_pb2_grpc as pb_grpc

# A page of ListOpens; no test makes as many.
PAGE = 1_000


async def listed(
    pixel: "pb_grpc.PixelServiceAsyncStub", count: int, *configuration_ids: str
) -> pb.ListOpensResponse:
    """Return the opens of these configurations, or of all, once there are *count*."""
    request = pb.ListOpensRequest(configuration_ids=configuration_ids, page_size=PAGE)
    while True:
        found = await pixel.ListOpens(request)
        if len(found.notifications) >= count:
            return found
        # There is nothing to wait for but the next attempt.
        await asyncio.sleep(0.02)
