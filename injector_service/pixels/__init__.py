"""What a pixel says of its message, made to fit, sealed, in a URL.

Read `maker` first.  Imports values of `configurations` and `rewriting`; only
`token_sealer` knows the contract.
"""

from injector_service.pixels.mail_providers import MailProvider, provider_of
from injector_service.pixels.maker import CopyFacts, MessageFacts, PixelMaker, recipient_of
from injector_service.pixels.token_sealer import TokenSealer

__all__ = [
    "CopyFacts",
    "MailProvider",
    "MessageFacts",
    "PixelMaker",
    "TokenSealer",
    "provider_of",
    "recipient_of",
]
