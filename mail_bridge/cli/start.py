"""Where the command `mail-bridge` starts: with the filter, before anything else is loaded."""

import sys
from typing import NoReturn

from mail_bridge.filter import quick_options, run_filter


def main() -> NoReturn:
    """Run the command line of this process."""
    if sys.argv[1:2] == ["filter"] and (options := quick_options(sys.argv[2:])) is not None:
        sys.exit(run_filter(options))
    # The other commands take ten times as long to load as the filter takes for a message.
    from mail_bridge.cli.main import main as run_commands  # noqa: PLC0415 - see above

    run_commands()
