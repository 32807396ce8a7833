"""How injector services are spoken to."""

from emailopens_client.channels import Tls
from pixel_service.injectors import Injectors


def tls_of(injectors: Injectors) -> Tls | None:
    """Return the files by which *injectors* are called by TLS; None: in the clear."""
    tls = Tls(ca=injectors.ca, certificate=injectors.client_certificate, key=injectors.client_key)
    return tls if injectors.tls or tls != Tls() else None
