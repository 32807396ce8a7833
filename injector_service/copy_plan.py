"""Which of a message's copies are tracked, and what becomes of the others."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from injector_service.configurations import Choice
from injector_service.errors import RecipientLeftOver
from injector_service.pixels import CopyFacts, PixelMaker, provider_of
from injector_service.privacy import PrivacyLevel
from injector_service.recipients_request import Recipient
from injector_service.rewriting import MakePixel, Outcome, Rewritten, merged, remove_fields
from injector_service.rewriting.mime import Header
from service_runtime.errors import InvalidFields
from service_runtime.turns import Turns


class Copy(NamedTuple):
    """What became of one recipient's copy."""

    rewritten: Rewritten
    message_id: str = ""
    privacy_level: PrivacyLevel | None = None
    error: InvalidFields | RecipientLeftOver | None = None


class CopyPlan:
    """The copies of one message, those that are tracked to be made yet."""

    def __init__(
        self,
        raw: bytes,
        header: Header | None,
        choice: Choice | None,
        copy_id: Callable[[str], str],
    ) -> None:
        self._level = PrivacyLevel.FULL if choice is None else choice.privacy_level
        self.untracked = untracked(raw, header, choice)
        self._refused = self.untracked._replace(outcome=Outcome.RECIPIENT_ERROR)
        # In the place of a copy that is to be made yet.
        self._pending = Copy(self.untracked)
        self._copy_id = copy_id
        self._places: list[int] = []
        self.copies: list[Copy] = []
        self.tracked: list[CopyFacts] = []
        self.makers: list[MakePixel] = []

    async def settle(self, recipients: Iterable[Recipient], maker: PixelMaker | None) -> None:
        """Decide about each of *recipients*; *maker* makes pixels, if any may be tracked."""
        turns = Turns()
        for recipient in recipients:
            self.copies.append(self._settled(recipient, maker))
            await turns.share()

    def _settled(self, recipient: Recipient, maker: PixelMaker | None) -> Copy:
        if recipient.mistake is not None:
            return Copy(self._refused, error=recipient.mistake)
        message_id = recipient.message_id or self._copy_id(recipient.address)
        level = max(recipient.privacy_level, self._level)
        if maker is not None and not recipient.is_tracking_off and level is not PrivacyLevel.OFF:
            provider = provider_of(recipient.recipient_mx)
            facts = CopyFacts(message_id, (recipient.address,), recipient.tags, level, provider)
            try:
                self.makers.append(maker.of(facts))
            except InvalidFields as error:
                return Copy(self._refused, error=error)
            self.tracked.append(facts)
            self._places.append(len(self.copies))
            return self._pending
        return Copy(self.untracked, message_id, level)

    def finish(self, made: Sequence[Rewritten]) -> None:
        """Take in what became of those that are tracked; for some it may have been too much."""
        for place, facts, rewritten in zip(self._places, self.tracked, made, strict=False):
            # Made anew: to replace one of its fields takes three times as long.
            self.copies[place] = Copy(rewritten, facts.message_id, facts.privacy_level)
        for place in self._places[len(made) :]:
            self.copies[place] = Copy(self._refused, error=RecipientLeftOver())


def untracked(raw: bytes, header: Header | None, choice: Choice | None) -> Rewritten:
    """Return what becomes of a message that is not to be tracked."""
    if choice is None:
        return Rewritten(outcome=Outcome.NO_CONFIGURATION)
    removals = [] if header is None else remove_fields(raw, header, choice.fields_to_remove)
    return Rewritten(
        outcome=Outcome.TRACKING_DISABLED, removal=merged(raw, removals) if removals else None
    )
