"""What a page's markup is asked in tests: as a browser reads it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Final

import html5lib
import htpy as h

HOSTILE: Final = (
    "<script>alert(1)</script>\"'&><img src=x onerror=alert(1)>"
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{GRINNING FACE}" + "x" * 10_000
)


def parsed(*nodes: h.Node) -> ET.Element:
    """Return the document that *nodes* are in a browser."""
    document: ET.Element = html5lib.parse(str(h.div[nodes]), namespaceHTMLElements=False)
    return document


def text_of(*nodes: h.Node) -> str:
    """Return what is read, with one space between words and between elements."""
    return " ".join(" ".join(parsed(*nodes).itertext()).split())


def what_runs(*nodes: h.Node) -> list[str]:
    """Return everything that a browser would run, load, or that a strict policy blocks."""
    return list(_what_runs(parsed(*nodes)))


def _what_runs(document: ET.Element) -> Iterator[str]:
    for element in document.iter():
        if element.tag in {"script", "style", "img", "iframe", "object", "link", "base"}:
            yield element.tag
        for name, value in element.attrib.items():
            if name == "style" or name.startswith("on") or value.startswith("javascript:"):
                yield f"{element.tag} {name}"


def fields_of(*nodes: h.Node) -> list[ET.Element]:
    """Return the fields that people fill in."""
    return [
        element
        for element in parsed(*nodes).iter()
        if element.tag in {"input", "select", "textarea"} and element.get("type") != "hidden"
    ]


def labels_of(*nodes: h.Node) -> set[str]:
    """Return the IDs that labels are for."""
    return {label.get("for", "") for label in parsed(*nodes).iter("label")}
