"""What filters ask: one copy, which is theirs to send."""

from collections.abc import Awaitable, Callable

from mail_bridge.delivery.injector import Injector, Made, TrackingFailed
from mail_bridge.delivery.metrics import DeliveryMetrics
from mail_bridge.delivery.reasons import FAILURES
from mail_bridge.filter import Answer, Question, Splice, Verdict


def answering_filters(
    injector: Injector, metrics: DeliveryMetrics
) -> Callable[[Question], Awaitable[Answer]]:
    """Return what answers filters."""

    async def answer(question: Question) -> Answer:
        try:
            (made,) = await injector.copies(question.message, [question.recipient])
        except TrackingFailed as failure:
            metrics.made(failure.reason)
            is_passing = failure.reason in FAILURES
            return Answer(Verdict.FAILED if is_passing else Verdict.UNTRACKED, failure.reason)
        metrics.made(made.untracked)
        return _answer(made)

    return answer


def _answer(made: Made) -> Answer:
    return Answer(
        Verdict.TRACKED if made.untracked is None else Verdict.UNTRACKED,
        made.untracked or "",
        tuple(Splice(each.start, each.end - each.start, each.insert) for each in made.changes),
    )
