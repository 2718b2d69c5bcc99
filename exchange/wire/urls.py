"""The addresses of an exchange: one, or several of the same exchange with commas between. Pure.

Several are tried in turn (docs/protocol.md, "Several addresses"). A close may name the one to dial
first; a name that was not given is never dialed: who can close a connection could send a client,
and its login, anywhere.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

TRADE_PATH: Final = "/v1/ws"
IMAGES_PATH: Final = "/v1/images"
URLS_MAX: Final = 8
PORTS: Final = {"ws": 80, "wss": 443}
_SCHEMES: Final = {"http": "ws", "https": "wss"}
_NAMED: Final = re.compile(r"wss?://[^\s,;()]+")


def endpoint(url: str, path: str) -> str:
    """Return the WebSocket address of ``path`` on the exchange at ``url``.

    ``url`` may be ``ws://host:port`` with or without one of our paths, or its http form. Raises
    `ValueError`, one line, for any other path: it is not one of ours.
    """
    scheme, parts = _parts(url)
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def listed(text: str) -> tuple[str, ...]:
    """Return the addresses of ``text``, with commas between them. Raises `ValueError`, one line."""
    urls = tuple(url.strip() for url in text.split(","))
    if len(urls) > URLS_MAX:
        raise ValueError(f"{len(urls)} addresses; at most {URLS_MAX} can be given")
    places: dict[tuple[str, str, int], str] = {}
    for number, url in enumerate(urls, 1):
        if not url and len(urls) > 1:
            raise ValueError(f"{text}: address {number} of {len(urls)} is empty")
        place = _place(url)
        if place in places:
            raise ValueError(f"{url}: given twice" + _as(url, places[place]))
        places[place] = url
    if len({scheme for scheme, *_ in places}) > 1:
        raise ValueError(f"{text}: ws:// and wss:// together; who cuts wss:// would get the rest")
    return urls


def named(reason: str) -> str:
    """Return the address that the reason of a close names, "" for none."""
    found = _NAMED.search(reason)
    return found[0] if found else ""


class Urls:
    """The addresses of one exchange, in the order in which they are tried next."""

    def __init__(self, text: str) -> None:
        """Raises `ValueError`, one line."""
        self._order = list(listed(text))
        self.several = len(self._order) > 1

    @property
    def first(self) -> str:
        """The one that worked last, or is tried next."""
        return self._order[0]

    def each(self) -> Iterator[str]:
        """Yield each once; what `go_to` or `worked` put in front meanwhile comes next."""
        tried: set[str] = set()
        while left := [url for url in self._order if url not in tried]:
            tried.add(left[0])
            yield left[0]

    def worked(self, url: str) -> None:
        """Try ``url`` first from now on."""
        self._order.remove(url)
        self._order.insert(0, url)

    def failed(self) -> None:
        """The first could be dialed and yet let nobody in: try the others before it."""
        self._order.append(self._order.pop(0))

    def go_to(self, url: str) -> None:
        """Try ``url`` next, as a close said, if it is one of ours; else do nothing."""
        try:
            place = _place(url)
        except ValueError:
            return
        for ours in self._order:
            if _place(ours) == place:
                self.worked(ours)
                return

    def about(self, text: str) -> str:
        """Return ``text`` with the address it is about, where there are several."""
        return f"{self.first}: {text}" if self.several else text


def _parts(url: str) -> tuple[str, SplitResult]:
    """Return (ws or wss, the parts of ``url``). Raises `ValueError`."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - read here because a port out of range raises only on access
    except ValueError as error:
        raise ValueError(f"{url}: not an address: {error}") from error
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    ours = parts.path in ("", "/", TRADE_PATH, IMAGES_PATH) and not (parts.query or parts.fragment)
    if scheme not in PORTS or not parts.hostname or not ours:
        raise ValueError(f"{url}: not an address like ws://HOST:PORT/v1/ws")
    return scheme, parts


def _place(url: str) -> tuple[str, str, int]:
    """Return (scheme, host, port): the same for two ways to write one address."""
    scheme, parts = _parts(url)
    return scheme, (parts.hostname or "").rstrip("."), parts.port or PORTS[scheme]


def _as(url: str, other: str) -> str:
    return "" if url == other else f", as {other} too"
