"""Sees that the service can run as it was told, before any of its processes starts."""

from typing import Final

from pixel_service.errors import LogUrlInvalid, SettingsInvalid
from pixel_service.evidence import EvidenceError
from pixel_service.open_log import check_url
from pixel_service.settings import Settings
from service_runtime.api_keys import ApiKeysError
from service_runtime.data_folder import DataFolderError, prepare_data_folder
from service_runtime.key_ring import KeyRingError
from service_runtime.listen import ListenError, require_free
from service_runtime.protection import NotProtected, announce
from service_runtime.tls_files import TlsError
from service_runtime.tls_pair import load_pair

REFUSALS: Final = (
    ApiKeysError,
    DataFolderError,
    EvidenceError,
    KeyRingError,
    ListenError,
    LogUrlInvalid,
    NotProtected,
    SettingsInvalid,
    TlsError,
)


def check(settings: Settings) -> None:
    """See that the service can run as it was told; make what all processes share.

    Raises:
        One of REFUSALS: it cannot.
    """
    settings.protection.require(settings.ports)
    for files in settings.protection.tls_files("grpc", "http", "admin", "page").values():
        if files is not None:
            load_pair(files)
    if settings.log_url is not None:
        check_url(settings.log_url)
    prepare_data_folder(settings.data)
    settings.load_key_ring()
    settings.load_api_keys()
    if settings.has_own_evidence:
        # Once here, so that what is wrong with it is one line; each process has its own.
        settings.judge_loader()
    addresses = [settings.http, settings.grpc]
    addresses += [settings.admin_of(index) for index in range(settings.workers + 1)]
    if settings.page is not None:
        _check_page(settings)
        addresses.append(settings.page)
    if not settings.reuse_port:
        # Sockets that share a port would not notice another service that shares it, too.
        # Where it is meant to be shared, what serves there now gives it up when it ends.
        for address in addresses:
            require_free(address)
    announce(settings.ports)


def _check_page(settings: Settings) -> None:
    if settings.api_keys is None and settings.protection.client_roles:
        raise SettingsInvalid(
            "--page: who looks shows a key, and callers are known by certificates alone: give"
            " --api-keys, too"
        )
    # An instance that takes over has the socket as soon as the one before has ended.
    if settings.page_socket is not None and not settings.reuse_port:
        require_free(settings.page_socket)
