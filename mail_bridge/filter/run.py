"""The filter itself: a message in, the same or one with a pixel out, and a status."""

import os
import sys
from typing import BinaryIO, Final

from mail_bridge.filter.asking import BridgeAway, ask
from mail_bridge.filter.frames import (
    MAX_MESSAGE_OCTETS,
    Answer,
    FrameInvalid,
    Question,
    Verdict,
)
from mail_bridge.filter.options import FilterOptions
from mail_bridge.when_untracked import WhenUntracked

# As sysexits.h has them, which mail servers know.
EXIT_INPUT_OUTPUT: Final = 74
EXIT_TRY_AGAIN: Final = 75

# The descriptors of standard output and error.
_OUTPUT: Final = 1
_ERRORS: Final = 2

_CHUNK: Final = 1024 * 1024


def run_filter(options: FilterOptions) -> int:
    """Filter one message from standard input to standard output; return the exit status."""
    try:
        return _filtered(options, sys.stdin.buffer, sys.stdout.buffer)
    except OSError as error:
        _say(f"standard input or output: {error.strerror}")
        # What is still in the buffer goes nowhere, or Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), _OUTPUT)
        return EXIT_INPUT_OUTPUT


def _filtered(options: FilterOptions, source: BinaryIO, sink: BinaryIO) -> int:
    message = source.read(MAX_MESSAGE_OCTETS + 1)
    answer = _answer(options, message)
    if answer.verdict is Verdict.FAILED and options.when_untracked is WhenUntracked.DEFER:
        _say(f"nothing passes: {answer.reason}")
        return EXIT_TRY_AGAIN
    _write_copy(sink, message, answer)
    # Of a message that is larger than any that gets a pixel.
    while rest := source.read(_CHUNK):
        sink.write(rest)
    sink.flush()
    if answer.verdict is Verdict.TRACKED:
        return 0
    _say(f"untracked: {answer.reason}")
    return options.untracked_status


def _answer(options: FilterOptions, message: bytes) -> Answer:
    if len(options.recipients) > 1:
        return Answer(Verdict.UNTRACKED, "several recipients share this copy")
    (recipient,) = options.recipients
    try:
        question = Question(recipient, message).octets()
    except FrameInvalid as error:
        return Answer(Verdict.UNTRACKED, str(error))
    try:
        answer = ask(options.socket, question, seconds=options.deadline)
    except BridgeAway as error:
        return Answer(Verdict.FAILED, str(error))
    if _fits(answer, message):
        return answer
    return Answer(Verdict.FAILED, "the bridge answered about another message")


def _fits(answer: Answer, message: bytes) -> bool:
    """Whether the splices are inside the message, in order and apart."""
    end = 0
    for offset, delete_count, _ in answer.splices:
        if offset < end:
            return False
        end = offset + delete_count
    return end <= len(message)


def _write_copy(sink: BinaryIO, message: bytes, answer: Answer) -> None:
    whole, end = memoryview(message), 0
    for offset, delete_count, insert in answer.splices:
        sink.write(whole[end:offset])
        sink.write(insert)
        end = offset + delete_count
    sink.write(whole[end:])


def _say(text: str) -> None:
    # Nobody may listen; the message has passed all the same.
    try:
        # Exim reads both as one: what is said would be in the message.
        if os.path.sameopenfile(_OUTPUT, _ERRORS):
            return
        sys.stderr.write(f"mail-bridge filter: {text}\n")
    except OSError:
        return
