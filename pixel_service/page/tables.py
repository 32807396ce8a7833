"""Tables of things that have a page each."""

from collections.abc import Iterable, Mapping, Sequence

import htpy as h

from pixel_service.page.scrolling import scrolled

NUMBER = "number"
LONG = "long"


def listed(name: str, columns: Mapping[str, str], rows: Iterable[Sequence[h.Node]]) -> h.Element:
    """Return a table whose first column says what each row is of.

    A phone shows each row as a block, where every cell says which column it is of.

    Args:
        name: what is listed.
        columns: their headings, each with the class of its cells.
        rows: a cell for each column.
    """
    return scrolled(
        h.table(".listed")[
            h.thead[
                h.tr[
                    [h.th(scope="col", class_=kind or None)[each] for each, kind in columns.items()]
                ]
            ],
            h.tbody[[row(columns, cells) for cells in rows]],
        ],
        name,
        is_tall=True,
    )


def row(columns: Mapping[str, str], cells: Sequence[h.Node]) -> h.Element:
    """Return a row of a table of the class `listed`."""
    first, *others = zip(columns.items(), cells, strict=True)
    return h.tr[
        h.th(".value", scope="row")[first[1]],
        [h.td(class_=kind or None, data_label=heading)[cell] for (heading, kind), cell in others],
    ]
