"""Where a pixel can stand in HTML, by the standard's tokenizer; which pixels are ours.

Read `placement` first, then `scan`.  Imports `rewriting.outcome` alone.
"""

from injector_service.rewriting.html.own_pixels import own_pixels
from injector_service.rewriting.html.pgp_armour import inline_protection
from injector_service.rewriting.html.placement import Place, find_place

__all__ = ["Place", "find_place", "inline_protection", "own_pixels"]
