"""A page as a test reads it: every tag closed in order, the text of each, what it would load."""

from html.parser import HTMLParser
from typing import Final

VOID: Final = {"meta", "link", "br", "hr", "img", "input"}


class Parsed(HTMLParser):
    """Fails where a tag is closed that is not the last one open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        """(tag, text in it)."""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def of(self, *tags: str) -> list[str]:
        return [text for tag, text in self.texts if tag in tags]

    @property
    def words(self) -> str:
        return "\n".join(text for tag, text in self.texts if tag != "style")
