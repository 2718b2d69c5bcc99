"""The files that the browser gets: ours, and xterm.js with its font out of textual-serve. Shell.

Nothing is loaded from anywhere else, and the policy of every answer forbids it.
"""

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    # xterm.js writes its colours as styles into the page.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' "
    "'unsafe-inline'; font-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OURS: Final = ("client.js", "favicon.svg", "line.js", "page.css")
TEXTUAL: Final = {
    "textual.js": "js/textual.js",
    "xterm.css": "css/xterm.css",
    "mono.ttf": "fonts/RobotoMono-VariableFont_wght.ttf",
}
TYPES: Final = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
}


class File(NamedTuple):
    """What is served under a name."""

    body: bytes
    content_type: str


def static_files() -> dict[str, File]:
    """Return all files by name. `ModuleNotFoundError` without textual-serve."""
    own, theirs = _folder(), resources.files("textual_serve") / "static"
    found: dict[str, Traversable] = {name: own / name for name in OURS}
    found |= {name: theirs.joinpath(*path.split("/")) for name, path in TEXTUAL.items()}
    return {
        name: File(path.read_bytes(), TYPES[name.rpartition(".")[2]])
        for name, path in found.items()
    }


def index() -> str:
    """Return the page that shows the terminal."""
    return (_folder() / "index.html").read_text("utf-8")


def login(said: str = "") -> str:
    """Return the page that asks for a ticket; ``said``, our own words, stands above."""
    return (_folder() / "login.html").read_text("utf-8").replace("<!-- said -->", said)


def entered() -> str:
    """Return the page behind a good ticket.

    A redirect would do, if the cookie were sent along when another site had linked here.
    """
    return (_folder() / "entered.html").read_text("utf-8")


def _folder() -> Traversable:
    return resources.files("tui.web") / "static"
