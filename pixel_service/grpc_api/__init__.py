"""From the contract's messages to values and back; no rules of its own.

One servicer for each service of the contract.  `requests` reads messages and refuses
what is wrong with all of its fields at once; `responses` writes them; `status_table`
says which status each error becomes.  Imports `streaming`, the faces of `open_log`
and `statistics`, `erasing`, `webhooks` and `protobuf_octets`; never SQL, and nothing
that takes opens in.

Read `pixel_servicer` first.
"""

from pixel_service.grpc_api.objection_servicer import ObjectionServicer
from pixel_service.grpc_api.operation_servicer import OperationServicer
from pixel_service.grpc_api.pixel_servicer import PixelServicer
from pixel_service.grpc_api.statistics_servicer import StatisticsServicer
from pixel_service.grpc_api.status_table import STATUS_OF
from pixel_service.grpc_api.stream_servicer import StreamServicer
from pixel_service.grpc_api.subscription_servicer import SubscriptionServicer
from pixel_service.grpc_api.webhook_servicer import WebhookServicer

__all__ = [
    "STATUS_OF",
    "ObjectionServicer",
    "OperationServicer",
    "PixelServicer",
    "StatisticsServicer",
    "StreamServicer",
    "SubscriptionServicer",
    "WebhookServicer",
]
