"""Whether a rewriting leaves a CR or LF alone, for which hardened servers refuse a message."""


def stray_line_end(raw: bytes, out: bytes) -> str | None:
    """Return what stands alone in *out*, made of *raw*, that did not in *raw*; or None.

    Where *raw* has lines that end with LF, new ones may do so too.
    """
    if _alone(out, b"\r") > _alone(raw, b"\r"):
        return "a CR stands alone"
    strays = _alone(raw, b"\n")
    return "an LF stands alone" if not strays and _alone(out, b"\n") else None


def _alone(octets: bytes, octet: bytes) -> int:
    """Return how often *octet* is no half of CRLF."""
    return octets.count(octet) - octets.count(b"\r\n")
