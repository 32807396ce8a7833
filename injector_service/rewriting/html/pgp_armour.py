"""Mail that must not be changed because it is signed or encrypted inside its HTML."""

from injector_service.rewriting.outcome import Outcome


def inline_protection(html: bytes) -> Outcome | None:
    """Return what PGP armour in *html* (RFC 9580 section 6.2, RFC 4880 section 7) makes of it.

    A public key in a message protects nothing.
    """
    # Searched from the end: CPython does that twice as fast, and mostly there is none.
    if html.rfind(b"-----BEGIN PGP ") < 0:
        return None
    if html.rfind(b"-----BEGIN PGP SIGNED MESSAGE-----") >= 0:
        return Outcome.SIGNED
    return Outcome.ENCRYPTED if html.rfind(b"-----BEGIN PGP MESSAGE-----") >= 0 else None
