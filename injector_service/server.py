"""The injector service's process: what it is made of, and in which order it ends."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from emailopens.injector.v1 import (
    configuration_service_pb2,
    configuration_service_pb2_grpc,
    injector_service_pb2,
    injector_service_pb2_grpc,
    tracking_service_pb2,
    tracking_service_pb2_grpc,
)
from injector_service.configurations import Configurations
from injector_service.configurations.store import ConfigurationStore, connect
from injector_service.grpc_api import (
    STATUS_OF,
    ConfigurationServicer,
    InjectorServicer,
    TrackingServicer,
)
from injector_service.injector import Injector
from injector_service.metrics import InjectorMetrics
from injector_service.new_ids import CopyIds
from injector_service.objections import NOBODY, Follower, ObjectedStore, following
from injector_service.pixels import TokenSealer
from injector_service.rewriting_pool import rewriting_pool
from injector_service.settings import Settings
from injector_service.tracking import TrackedCounter, TrackedStore, TrackedWriter
from service_runtime.admin_server import Condition, admin_server, not_draining
from service_runtime.admission import Admission
from service_runtime.background import kept_running
from service_runtime.certificates import following_certificates
from service_runtime.drain import Drain
from service_runtime.grpc_server import GrpcService, grpc_server
from service_runtime.key_ring import KeyRing
from service_runtime.protection import announce

# Room in a gRPC message for what is beside the mail message: 1,000 recipients of
# 320 characters, which UTF-8 may make four times as long, each with an ID and as many
# tags as fit into a pixel.
REQUEST_ROOM_OCTETS: Final = 3 * 1024 * 1024


async def serve(
    settings: Settings, drain: Drain, *, on_ready: Callable[[str], None] | None = None
) -> None:
    """Run the injector service until *drain* begins.

    Args:
        settings: what the operator said.
        drain: announces the end.
        on_ready: called with the address once calls are answered.

    Raises:
        DataFolderError: the data folder cannot be used.
        KeyRingError: the key ring cannot be read.
        ApiKeysError: the API keys cannot be read.
        DatabaseUnusable: the database cannot be opened.
        ListenError: an address is taken, not ours, or no address.
        NotProtected: an address would be open to other machines.
        TlsError: a certificate cannot be used.
    """
    settings.protection.require(settings.ports)
    settings.prepare_data_folder()
    key_ring = settings.load_key_ring()
    admission = Admission(settings.load_api_keys(), client_roles=settings.protection.client_roles)
    async with contextlib.AsyncExitStack() as stack:
        store, configurations = await stack.enter_async_context(_configurations(settings))
        await stack.enter_async_context(admission.followed())
        tracked = TrackedCounter()
        tracked_store = TrackedStore(store.engine)
        writer = TrackedWriter(tracked, tracked_store)
        # Ends after the calls, and writes what they have counted.
        await stack.enter_async_context(writer.running())
        objections = await _objections(settings, ObjectedStore(store.engine), stack)
        address = await stack.enter_async_context(
            _serving(
                settings,
                configurations,
                key_ring,
                admission,
                objections,
                tracked,
                TrackingServicer(tracked_store, writer),
                drain,
            )
        )
        announce(settings.ports)
        if on_ready is not None:
            on_ready(address)
        await drain.wait()


async def _objections(
    settings: Settings, store: ObjectedStore, stack: contextlib.AsyncExitStack
) -> Follower | None:
    """Follow who has objected for as long as *stack*, if a pixel service says."""
    if settings.pixel_service is None:
        return None
    return await stack.enter_async_context(
        following(
            settings.pixel_service,
            allows_plaintext=settings.protection.allows_plaintext,
            store=store,
        )
    )


@contextlib.asynccontextmanager
async def _configurations(
    settings: Settings,
) -> AsyncIterator[tuple[ConfigurationStore, Configurations]]:
    async with connect(settings.effective_database_url) as store:
        configurations = await Configurations.load(store)
        follow = functools.partial(configurations.follow, settings.refresh_interval)
        async with kept_running("configurations", follow):
            yield store, configurations


@contextlib.asynccontextmanager
async def _serving(
    settings: Settings,
    configurations: Configurations,
    key_ring: KeyRing,
    admission: Admission,
    objections: Follower | None,
    tracked: TrackedCounter,
    tracking: TrackingServicer,
    drain: Drain,
) -> AsyncIterator[str]:
    metrics = _metrics(objections)
    async with contextlib.AsyncExitStack() as stack:
        injector = Injector(
            configurations=configurations,
            sealer=TokenSealer(key_ring),
            copy_ids=CopyIds(key_ring),
            pixel_base_url=settings.pixel_base_url,
            pool=await stack.enter_async_context(rewriting_pool(key_ring)),
            tracked=tracked,
            objected=NOBODY if objections is None else objections.objected,
        )
        services = _services(settings, configurations, injector, tracking, metrics)
        certificates = await stack.enter_async_context(
            following_certificates(settings.protection.tls_files("grpc", "admin"))
        )
        metrics.registry.register(certificates)
        if settings.admin is not None:
            await stack.enter_async_context(
                admin_server(
                    listen=settings.admin,
                    conditions=lambda: _conditions(configurations, admission, objections, drain),
                    registry=metrics.registry,
                    certificate=certificates.get("admin"),
                )
            )
        yield await stack.enter_async_context(
            grpc_server(
                listen=settings.grpc,
                services=services,
                status_codes=STATUS_OF,
                drain=drain,
                admission=admission,
                has_reflection=not settings.no_reflection,
                certificate=certificates.get("grpc"),
                max_message_octets=settings.max_message_octets + REQUEST_ROOM_OCTETS,
                max_calls=settings.max_calls,
                reuse_port=settings.reuse_port,
            )
        )


def _metrics(objections: Follower | None) -> InjectorMetrics:
    metrics = InjectorMetrics()
    if objections is not None:
        metrics.follow_objections(
            count=lambda: objections.objected.count,
            age_seconds=lambda: objections.age_seconds,
        )
    return metrics


def _services(
    settings: Settings,
    configurations: Configurations,
    injector: Injector,
    tracking: TrackingServicer,
    metrics: InjectorMetrics,
) -> Sequence[GrpcService]:
    injector_services = injector_service_pb2.DESCRIPTOR.services_by_name
    configuration_services = configuration_service_pb2.DESCRIPTOR.services_by_name
    tracking_services = tracking_service_pb2.DESCRIPTOR.services_by_name
    return (
        GrpcService(
            name=injector_services["InjectorService"].full_name,
            add=functools.partial(
                injector_service_pb2_grpc.add_InjectorServiceServicer_to_server,
                InjectorServicer(
                    injector, metrics=metrics, max_message_octets=settings.max_message_octets
                ),
            ),
        ),
        GrpcService(
            name=configuration_services["ConfigurationService"].full_name,
            add=functools.partial(
                configuration_service_pb2_grpc.add_ConfigurationServiceServicer_to_server,
                ConfigurationServicer(configurations),
            ),
            # Rewriting goes on without the database, with what is in memory.
            can_serve=lambda: configurations.is_current,
        ),
        GrpcService(
            name=tracking_services["TrackingService"].full_name,
            add=functools.partial(
                tracking_service_pb2_grpc.add_TrackingServiceServicer_to_server, tracking
            ),
            can_serve=lambda: configurations.is_current,
        ),
    )


def _conditions(
    configurations: Configurations,
    admission: Admission,
    objections: Follower | None,
    drain: Drain,
) -> Sequence[Condition]:
    return (
        not_draining(drain),
        # Not a reason to stop: rewriting goes on with what is in memory.
        Condition(
            name="configurations are current",
            holds=configurations.is_current,
            detail="" if configurations.is_current else "(the database does not answer)",
            is_required=False,
        ),
        *([] if objections is None else [objections.condition()]),
        *admission.conditions(),
    )
