"""Where a fault of ours happened, for the log."""

from pathlib import Path

from service_runtime.frames import MAX_FRAMES, frames_of


class Mailer:
    """Something that fails."""

    def fail(self, address: str) -> None:
        raise LookupError(f"no such address: {address}")


def fault(address: str) -> Exception:
    try:
        Mailer().fail(address)
    except LookupError as error:
        return error
    raise AssertionError("it fails")


def test_frames_say_file_line_and_function() -> None:
    """Each frame is a file, a line and a function, the innermost last, after the error's class."""
    kind, outer, inner = frames_of(fault("ann@example.org"))

    assert kind == "builtins.LookupError"
    assert outer.startswith("tests/runtime/test_frames.py:")
    assert outer.endswith(" fault")
    file, _, place = inner.partition(":")
    number, _, function = place.partition(" ")
    assert file == "tests/runtime/test_frames.py"
    assert function == "fail"
    assert "raise LookupError" in Path(__file__).read_text("utf-8").splitlines()[int(number) - 1]


def test_frames_hold_no_values() -> None:
    """Neither the error's text nor any value of the frames is in them."""
    assert "ann@example.org" not in str(frames_of(fault("ann@example.org")))


def test_frames_are_few() -> None:
    """Of an endless recursion the innermost frames are given."""

    def deeper(depth: int) -> None:
        if depth == 0:
            raise LookupError
        deeper(depth - 1)

    try:
        deeper(MAX_FRAMES * 2)
    except LookupError as error:
        frames = frames_of(error)

    assert len(frames) == 1 + MAX_FRAMES
    assert all(frame.endswith("deeper") for frame in frames[1:])
