"""The certificate of a gRPC server, renewed while it runs."""

from typing import Any

import grpc

from service_runtime.certificates import Certificate
from service_runtime.tls_pair import ServedPair


def server_credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Return what a gRPC server needs to serve *certificate*, whatever it is by then."""
    told = certificate.current

    # Any: the types do not know that None means no change.
    def renewed() -> Any:  # noqa: ANN401 - see above
        # gRPC asks at every new connection, in a thread of its own. Two of them may both be
        # told of the same pair.
        nonlocal told
        current = certificate.current
        if current is told:
            return None
        told = current
        return _configuration(current)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(told),
        renewed,
        require_client_authentication=certificate.asks_clients,
    )


def _configuration(pair: ServedPair) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(pair.key, pair.certificate)], root_certificates=pair.client_ca
    )
