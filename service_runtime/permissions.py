"""Which role may make which call: of both services, so that one page says it all."""

from collections.abc import Mapping
from typing import Final

from service_runtime.callers import Role

_ALL: Final = frozenset(Role)
_ADMIN: Final = frozenset({Role.ADMIN})
_OPERATORS: Final = frozenset({Role.OPERATOR, Role.ADMIN})
_SENDERS: Final = frozenset({Role.SENDER, Role.ADMIN})
_SUBSCRIBERS: Final = frozenset({Role.SUBSCRIBER, Role.ADMIN})

_INJECTOR: Final = "emailopens.injector.v1"
_PIXEL: Final = "emailopens.pixel.v1"

# An RPC that is not here is nobody's.
ROLES: Final[Mapping[str, frozenset[Role]]] = {
    f"{_INJECTOR}.InjectorService/RewriteMessage": _SENDERS,
    f"{_INJECTOR}.InjectorService/RewriteForRecipients": _SENDERS,
    f"{_INJECTOR}.TrackingService/ListTrackedCounts": _OPERATORS,
    # Who decides what is kept of people's opens.
    f"{_INJECTOR}.ConfigurationService/CreateConfiguration": _ADMIN,
    f"{_INJECTOR}.ConfigurationService/UpdateConfiguration": _ADMIN,
    f"{_INJECTOR}.ConfigurationService/DeleteConfiguration": _ADMIN,
    f"{_INJECTOR}.ConfigurationService/GetConfiguration": _OPERATORS,
    f"{_INJECTOR}.ConfigurationService/ListConfigurations": _OPERATORS,
    # Opens are personal data: not for those who only keep the service running.
    f"{_PIXEL}.PixelService/StreamOpens": _SUBSCRIBERS,
    f"{_PIXEL}.PixelService/ListOpens": _SUBSCRIBERS,
    f"{_PIXEL}.PixelService/SearchOpens": _SUBSCRIBERS,
    f"{_PIXEL}.PixelService/AcknowledgeOpens": _SUBSCRIBERS,
    f"{_PIXEL}.SubscriptionService/CreateSubscription": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.SubscriptionService/GetSubscription": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.SubscriptionService/ListSubscriptions": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.SubscriptionService/PauseSubscription": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.SubscriptionService/ResumeSubscription": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.SubscriptionService/SeekSubscription": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.SubscriptionService/DeleteSubscription": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.OperationService/EraseOpens": _OPERATORS,
    f"{_PIXEL}.OperationService/TrimOpens": _OPERATORS,
    f"{_PIXEL}.OperationService/CountOpens": _OPERATORS,
    f"{_PIXEL}.OperationService/RejudgeOpens": _OPERATORS,
    f"{_PIXEL}.OperationService/GetLogStats": _OPERATORS,
    f"{_PIXEL}.OperationService/GetServiceStatus": _OPERATORS,
    f"{_PIXEL}.StatisticsService/GetStatistics": _SUBSCRIBERS | _OPERATORS,
    # Where opens are sent is for those who may have them; that they are, for operators, too.
    f"{_PIXEL}.WebhookService/CreateWebhook": _SUBSCRIBERS,
    f"{_PIXEL}.WebhookService/ReplayWebhook": _SUBSCRIBERS,
    f"{_PIXEL}.WebhookService/RotateWebhookSecret": _SUBSCRIBERS,
    f"{_PIXEL}.WebhookService/GetWebhook": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.WebhookService/ListWebhooks": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.WebhookService/PauseWebhook": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.WebhookService/ResumeWebhook": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.WebhookService/ListSkippedEvents": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.WebhookService/DeleteWebhook": _SUBSCRIBERS | _OPERATORS,
    f"{_PIXEL}.ObjectionService/CreateObjection": _OPERATORS,
    f"{_PIXEL}.ObjectionService/GetObjection": _OPERATORS,
    f"{_PIXEL}.ObjectionService/ListObjections": _OPERATORS,
    f"{_PIXEL}.ObjectionService/DeleteObjection": _OPERATORS,
    # An injector calls it, with a key that can do nothing else here.
    f"{_PIXEL}.ObjectionService/ListObjectionDigests": _SENDERS,
    # What the service can do, which the contract says anyway.
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _ALL,
}


def roles_of(method: str) -> frozenset[Role]:
    """Return the roles that may call *method*, as `<service>/<RPC>`."""
    return ROLES.get(method, frozenset())
