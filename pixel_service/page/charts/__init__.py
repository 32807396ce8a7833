"""Charts as SVG of attributes and classes alone, as a strict Content-Security-Policy asks.

Places along a chart are per cent of its width, and heights are pixels: it fits a phone, and
its text keeps its size.  Kinds of opens differ by pattern and not by colour alone, and each
chart has a table beside it, or in it, that says the same.
"""

from pixel_service.page.charts.by_value import Bar, by_value
from pixel_service.page.charts.opened_range import opened_range
from pixel_service.page.charts.over_time import Column, over_time
from pixel_service.page.charts.splits import KIND_NAMES, Kind, Split, kind_of

__all__ = [
    "KIND_NAMES",
    "Bar",
    "Column",
    "Kind",
    "Split",
    "by_value",
    "kind_of",
    "opened_range",
    "over_time",
]
