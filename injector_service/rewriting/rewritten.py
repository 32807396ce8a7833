"""What the rewriting of a message is told, and what becomes of the message."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self, TypeAlias

from injector_service.rewriting.edit import EMPTY, Splice, merged
from injector_service.rewriting.mime import Header
from injector_service.rewriting.outcome import Outcome, Placement, RewriteWarning
from injector_service.rewriting.pixel import MadePixel, Pixel

MakePixel: TypeAlias = Callable[[Header, int], MadePixel]


class Instructions(NamedTuple):
    """How a message is to be rewritten."""

    make_pixel: MakePixel
    """Makes the pixel, given the message's header and the most characters that its URL
    may have.  Called at most once, and only when there is a place for it."""

    is_own_token: Callable[[str], bool]
    """Says whether a pixel token is one of ours.  Such pixels, from an earlier run or
    quoted in a reply, are taken out."""

    recipients: Sequence[str] = ()
    """The envelope's recipients; when empty, those of the header count."""

    placement: Placement = Placement.END
    """Where the pixel goes unless the HTML holds a placeholder."""

    fields_to_remove: Sequence[str] = ()
    """Names of header fields to take out, tracked or not."""


class Rewritten(NamedTuple):
    """What became of one message.

    *pixel* is set if and only if *outcome* is ``TRACKED``; so is *splice*,
    except that fields asked to be removed are removed from an untracked
    message too.  *failure* is an unexpected error, after which the message was
    left alone.  *removal* takes out such fields, before *splice*, where they are
    apart: copies have it in common.
    """

    outcome: Outcome
    splice: Splice | None = None
    pixel: Pixel | None = None
    warnings: tuple[RewriteWarning, ...] = ()
    failure: Exception | None = None
    removal: Splice | None = None

    def message(self, raw: bytes) -> bytes:
        """Return the message to send, given the *raw* one: the same object if nothing changes."""
        splice = self.in_one(raw).splice
        return raw if splice is None else splice.apply(raw)

    def in_one(self, raw: bytes) -> Self:
        """Return the same with all that changes in *raw* in one splice."""
        if self.removal is None:
            return self
        splices = (self.removal, self.splice or EMPTY)
        edits = [splice.as_edit() for splice in splices if splice.changes]
        return self._replace(splice=merged(raw, edits), removal=None)
