"""Prints the URL of the last image of the message on standard input.

    python -m examples.pixel_url < out.eml

With parsers that are not ours, as a mail client would find it.
"""

import email
import email.policy
import html.parser
import sys


class LastImage(html.parser.HTMLParser):
    """Finds the source of the last image of a document."""

    source = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember the source of an image."""
        if tag == "img":
            self.source = dict(attrs).get("src") or ""


def pixel_url_of(raw: bytes) -> str:
    """Return the source of the last image of the HTML part; empty if there is none."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    part = message.get_body(("html",))
    finder = LastImage()
    finder.feed(part.get_content() if part is not None else "")
    return finder.source


def main() -> None:
    """Print what a mail client would fetch."""
    url = pixel_url_of(sys.stdin.buffer.read())
    if not url:
        sys.exit("pixel_url.py: the message on standard input has no image in an HTML part")
    print(url)


if __name__ == "__main__":
    main()
