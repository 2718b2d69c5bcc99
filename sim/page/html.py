"""Elements of a page. Every text is escaped when the page is written. Pure."""

import re
from typing import Final
from xml.etree.ElementTree import Element, tostring

UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What no page may contain, or UTF-8 cannot write."""


def el(tag: str, /, *inside: Element | str, **attributes: str | float) -> Element:
    """Return an element. ``class_`` is written ``class``, ``stroke_width`` ``stroke-width``."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    made = Element(tag, {key: shown(value) for key, value in named.items()})
    last: Element | None = None
    for part in inside:
        if not isinstance(part, str):
            made.append(part)
            last = part
        elif last is None:
            made.text = (made.text or "") + clean(part)
        else:
            last.tail = (last.tail or "") + clean(part)
    return made


def shown(value: str | float) -> str:
    """Return an attribute's text; coordinates get one decimal."""
    return clean(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Return ``value`` with at most one decimal, as short as it can be written."""
    return f"{value:.1f}".removesuffix(".0")


def clean(text: str) -> str:
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def document(root: Element) -> str:
    return "<!DOCTYPE html>\n" + tostring(root, encoding="unicode", method="html") + "\n"
