"""Plain text out of product descriptions."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SUMMARY_LENGTH = 160
# Beyond this much HTML nothing shows in 160 characters, and the parser's time on hostile markup stays
# bounded.
_HTML_READ_MAX = 20_000
_TAG_OPENS = re.compile(r"<[a-zA-Z/!?]")
_SILENT = frozenset({"script", "style", "template", "noscript", "head", "title", "iframe", "object", "svg"})
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "em",
        "font",
        "i",
        "kbd",
        "mark",
        "s",
        "small",
        "span",
        "strong",
    }
    | {"sub", "sup", "u", "wbr", "del", "ins", "q"}
)


class _TextOnly(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 # the base's
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag not in _INLINE:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 # the base's
        if tag not in _INLINE:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass
        elif tag not in _INLINE:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def plain_text(html: str) -> str:
    """The words of the first 20,000 characters of some HTML, white space folded.

    For reading, not for safety.
    """
    if "<" not in html and "&" not in html:
        return " ".join(html[:_HTML_READ_MAX].split())
    parser = _TextOnly()
    parser.feed(_without_cut_tag(html[:_HTML_READ_MAX]))
    parser.close()
    return " ".join("".join(parser.parts).split())


def _without_cut_tag(html: str) -> str:
    """Without what follows the last `>` if a tag opens there: html.parser is slow over such ends."""
    tail = html.rfind(">") + 1
    opened = _TAG_OPENS.search(html, tail)
    return html[: opened.start()] if opened else html


def summarise(html: str, length: int = SUMMARY_LENGTH) -> str:
    """At most `length` characters of plain text, cut between words with an ellipsis."""
    text = plain_text(html)
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    head, space, _ = cut.rpartition(" ")
    # A last word longer than half of the room is cut rather than dropped.
    kept = head if space and len(head) > length // 2 and text[length - 1] != " " else cut
    return kept.rstrip() + "…"
