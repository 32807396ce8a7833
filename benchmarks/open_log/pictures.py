"""How the pictures look that the documents show.

Drawn again from the same figures, a picture is the same file.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

FIRST: Final = "#1f5f8b"
SECOND: Final = "#d9772b"
QUIET: Final = "#8a8f98"

_INCHES_WIDE: Final = 7.0

_STYLE: Final[dict[RcKeyType, Any]] = {
    "axes.edgecolor": QUIET,
    "axes.labelcolor": "#30343b",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "font.size": 9,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "emailopens",
    "text.color": "#30343b",
    "xtick.color": QUIET,
    "xtick.labelcolor": "#30343b",
    "ytick.color": QUIET,
    "ytick.labelcolor": "#30343b",
}


@contextlib.contextmanager
def picture(path: Path, *, rows: int = 1, inches_high: float = 2.8) -> Iterator[list[Axes]]:
    """Lend the axes of a picture, from the top, and write it to *path*."""
    # A style is of the process; the settings of whoever runs this are not to be seen.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(_INCHES_WIDE, inches_high), layout="constrained")
        axes = figure.subplots(rows, sharex=True, squeeze=False)
        yield list(axes[:, 0])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    print(f"drawn: {path}")
