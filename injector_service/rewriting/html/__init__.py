"""Where a pixel can stand in HTML, by the standard's tokenizer; which pixels are ours.

Read `placement` first, then `scan`.  Imports `rewriting.budget`, `rewriting.edit` and
`rewriting.outcome` alone.

The model
---------

A browser makes two passes over a text.  A tokenizer cuts it into tags, comments and
characters; a tree builder makes elements of these.  We insert octets at one offset, so
we ask two questions about an offset: is it between tokens, so that an ``<img>`` there is
a tag, and is it outside of everything that keeps an image from being loaded?  `scan`
answers both in one pass, without a tree.

It looks at a text in lower case, which moves no offset.  Between tokens the tokenizer
remembers nothing but which raw text it is in (rule 2), so most tokens are passed over by
one pattern, and each octet is looked at once.  Of the tree builder we need to know which
of a few containers are open.  Where we cannot know what it does, the place is moved
outwards: before a container a pixel is loaded whatever is in there, so too far out
costs nothing.

The rules, which the code refers to by their numbers:

1. *Between tokens.*  A place is never inside a tag, a comment or a placeholder.  What
   looks like a tag inside an attribute's value is none.
2. *Raw text.*  Comments and elements such as style, script and textarea hold no tags;
   they are opaque.  They end at their own end tag; a script with a comment in it ends
   by a grammar of its own.
3. *What never ends.*  Where a tag, comment or raw text has no end, it swallows the rest.
   The document then ends where that begins.
4. *Containers.*  In template, select, object and noscript an image may be inert.  They
   are tracked on a stack, with the barriers that the standard puts between them.  The way
   out of all of them is before the outermost.
5. *SVG and MathML.*  In these, tags follow XML's rules, and only the tree tells whether
   HTML has ended them.  Where the two readings differ, everything from there on is
   in doubt, and the way out is before the SVG or MathML.
6. *The body.*  It begins after the first ``<body>`` and ends before the last ``</body>``
   that the tree builder takes for such.  Without the first, or where something is drawn
   before it, it begins where the head ends; without the second it ends with the document.
7. *Frames.*  A ``<frameset>`` takes the body's place, unless the body has begun before
   it, with its tag or with something drawn: then browsers ignore it.
8. *Hidden elements.*  Mail clients may not load an image in an element that is not
   displayed.  The place moves before the outermost one; body and html get a warning.
9. *The shortcut.*  For the end of the body a proof is tried before the scan.  It says
   what the scan would say, or nothing.
10. *Limits.*  Octets, tokens, steps and containers are bounded.  Beyond a bound the
    text is too complex, or the place moves outwards.
11. *Pixels of ours.*  What loads one is taken out, text that names one is not: an image
    with the element, any other element's attribute without it.
"""

from injector_service.rewriting.html.own_pixels import find_own_pixels
from injector_service.rewriting.html.pgp_armour import inline_protection
from injector_service.rewriting.html.placement import Place, find_place

__all__ = ["Place", "find_own_pixels", "find_place", "inline_protection"]
