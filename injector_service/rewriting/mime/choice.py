"""Which of a message's HTML parts a client shows, decided on the way forward (rule 3).

Mostly the first one.  Of alternatives it is the last (RFC 2046 section 5.1.4), of
related parts the root (RFC 2387 section 3.2), which is the first unless another is
named.  So the walk goes on after an HTML part only inside these two.
"""

from injector_service.rewriting.mime.content_type import ContentType
from injector_service.rewriting.mime.header import Header
from injector_service.rewriting.mime.multiparts import Multipart, OpenMultiparts


class Choice:
    """The choice of one part among those met so far, by the multiparts that are open."""

    __slots__ = ("_is_made", "_multiparts", "_names_root", "_open", "_shared")

    def __init__(self, multiparts: OpenMultiparts) -> None:
        self._multiparts = multiparts
        self._open = multiparts.open
        self._is_made = False
        self._names_root = False
        # How many of the open multiparts the chosen part is in.
        self._shared = 0

    def enter(self, content_type: ContentType) -> None:
        """Take in that a multipart of this type was entered."""
        if content_type.subtype == b"alternative":
            self._open[-1].is_alternative = True
        elif content_type.subtype == b"related":
            self._open[-1].root = _content_id(content_type.parameter(b"start"))
            self._names_root = True

    def begin_part(self, header: Header) -> bool:
        """Take in that a part with this *header* begins in the innermost open multipart.

        False if whatever is in it is not shown.
        """
        if self._shared > len(self._open):
            self._shared = len(self._open)
            if self._leaves():
                return False
        multipart = self._open[-1]
        if multipart.root:
            multipart.is_in_root = _content_id(header.find(b"content-id")) == multipart.root
        return True

    def prefers_this(self) -> bool:
        """Say whether the present part is shown instead of the one before."""
        return not self._is_made or _prefers_this(self._open[self._shared - 1])

    def take_this(self, remaining: int) -> None:
        """Take the present part, after which *remaining* of the open multiparts go on."""
        self._is_made = True
        self._shared = remaining
        if self._names_root:
            for multipart in self._open:
                multipart.has_root = multipart.is_in_root
        self._leaves()

    def is_settled(self) -> bool:
        """Say whether nothing to come can change it."""
        return self._is_made and not self._shared

    def _leaves(self) -> bool:
        """Leave the multiparts around the chosen part that can change nothing, if there are."""
        shared = self._shared
        while shared and not _may_change(self._open[shared - 1]):
            shared -= 1
        if shared == len(self._open):
            return False
        self._shared = shared
        self._multiparts.leave(shared)
        return True


def _may_change(multipart: Multipart) -> bool:
    """Say whether a part to come may be shown instead of the one that was taken."""
    return multipart.is_alternative or bool(multipart.root and not multipart.has_root)


def _prefers_this(multipart: Multipart) -> bool:
    """Say whether what is in the present part is shown instead of what was before."""
    return multipart.is_alternative or (multipart.is_in_root and not multipart.has_root)


def _content_id(value: bytes | None) -> bytes:
    """Return a Content-ID (RFC 2392 section 2) without its angle brackets."""
    return (value or b"").strip().removeprefix(b"<").removesuffix(b">").strip()
