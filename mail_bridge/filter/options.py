"""What `mail-bridge filter` is told, read without the library that reads other commands' options.

That takes longer to load than all that the filter does.  Whatever is not plain is left to it:
help, and what is wrong.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from mail_bridge.when_untracked import WhenUntracked

# Above it a status says that a signal has ended a program, or that it could not be started.
MAX_STATUS: Final = 125

# Whoever calls a filter has given up long before.
MAX_DEADLINE_SECONDS: Final = 600.0


class FilterOptions(NamedTuple):
    """The options, with their defaults."""

    recipients: tuple[str, ...] = ()
    when_untracked: WhenUntracked = WhenUntracked.PASS
    untracked_status: int = 0
    deadline: float = 10.0
    socket: str = "/run/mail-bridge/filter"


DEFAULTS: Final = FilterOptions()

_NAMES: Final = frozenset(
    {
        "--recipient",
        "--when-untracked",
        "--untracked-status",
        "--deadline",
        "--socket",
    }
)


def quick_options(arguments: Sequence[str]) -> FilterOptions | None:
    """Return what *arguments* say; None if anything about them is unusual, or wrong."""
    words: list[str] = []
    for argument in arguments:
        words += argument.split("=", 1) if argument.startswith("--") else [argument]
    names, values = words[::2], words[1::2]
    others = [each for each in names if each != "--recipient"]
    if len(names) != len(values) or not _NAMES.issuperset(names) or len(others) > len(set(others)):
        return None
    given = dict(zip(names, values, strict=True))
    try:
        options = FilterOptions(
            recipients=tuple(
                value for name, value in zip(names, values, strict=True) if name == "--recipient"
            ),
            when_untracked=WhenUntracked(given.get("--when-untracked", DEFAULTS.when_untracked)),
            untracked_status=int(given.get("--untracked-status", DEFAULTS.untracked_status)),
            deadline=float(given.get("--deadline", DEFAULTS.deadline)),
            socket=given.get("--socket", DEFAULTS.socket),
        )
    except ValueError:
        return None
    return options if _are_right(options) else None


def _are_right(options: FilterOptions) -> bool:
    return (
        bool(options.recipients)
        and 0 <= options.untracked_status <= MAX_STATUS
        and 0 < options.deadline <= MAX_DEADLINE_SECONDS
    )
