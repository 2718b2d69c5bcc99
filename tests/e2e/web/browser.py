"""Chromium without a window, driven over the Chrome DevTools Protocol (CDP)."""

import asyncio
import base64
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.web.screen import Screen

PROGRAM: Final = "chromium"
START_S: Final = 30
LIMIT_S: Final = 30
FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # CI is root, which Chromium refuses otherwise
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
    "about:blank",
)
KEYS: Final = {
    ".": (190, "."),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "F10": (121, ""),
    "F2": (113, ""),
    **{f"F{number}": (111 + number, "") for number in range(3, 10)},
}
CTRL: Final = 2
Ask: TypeAlias = Callable[..., Awaitable[Any]]


class Tab:
    """One page: what was loaded, what its terminal shows, and hands to use it with."""

    def __init__(self, ask: Ask, session: str, target: str) -> None:
        self._ask, self._session, self.target = ask, session, target
        self.screen = Screen()
        self.requested: list[str] = []
        self.status: dict[str, int] = {}
        self.errors: list[str] = []
        self.size = {"width": 80, "height": 24}
        self.frames = 0

    async def ask(self, method: str, **params: Any) -> Any:
        return await self._ask(method, self._session, **params)

    def heard(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Network.responseReceived":
                self.status[params["response"]["url"]] = params["response"]["status"]
            case "Network.webSocketCreated":
                self.requested.append(params["url"])
                self.screen = Screen()
            case "Network.webSocketFrameReceived" if params["response"]["opcode"] == 2:
                data = base64.b64decode(params["response"]["payloadData"])
                self.screen.feed(data.decode("utf-8", "replace"))
                self.frames += 1
            case "Network.webSocketFrameSent":
                said = json.loads(params["response"]["payloadData"])
                if said[0] == "resize":
                    self.size = said[1]
            case "Runtime.exceptionThrown":
                self.errors.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(str(params["entry"]))
            case _:
                pass

    async def go(self, url: str) -> None:
        await self.ask("Page.navigate", url=url)

    async def close(self) -> None:
        await self._ask("Target.closeTarget", targetId=self.target)

    async def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.ask("Emulation.setDeviceMetricsOverride", **size)

    async def run(self, script: str) -> Any:
        """Return what ``script`` comes to in the page."""
        answer = await self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        return answer["result"].get("value")

    async def until(self, holds: Callable[["Tab"], bool], what: str) -> None:
        """Wait until ``holds``; an `AssertionError` shows the screen."""
        deadline = time.monotonic() + LIMIT_S
        while not holds(self):
            assert time.monotonic() < deadline, f"{what} did not come about:\n{self.screen.text}"
            await asyncio.sleep(0.05)

    async def shows(self, text: str) -> None:
        await self.until(lambda tab: text in tab.screen.text, repr(text))

    async def page_says(self, text: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while text not in (said := str(await self.run("document.body?.innerText ?? ''"))):
            assert time.monotonic() < deadline, f"{text!r} did not come about:\n{said}"
            await asyncio.sleep(0.1)

    async def press(self, key: str, modifiers: int = 0) -> None:
        """Press a key: a letter, or one of `KEYS`."""
        code, text = KEYS[key] if key in KEYS else (ord(key.upper()), key)
        what = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers, "text": text}
        await self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **what)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **{**what, "text": ""})

    async def click(self, x: int, y: int, count: int = 1, button: str = "left") -> None:
        """Click in the middle of a cell of the terminal, ``count`` times."""
        box = await self.run(
            "(() => { const r = document.querySelector('.xterm-screen').getBoundingClientRect();"
            " return [r.left, r.top, r.width, r.height]; })()"
        )
        left, top, width, height = box
        at = {
            "x": left + (x + 0.5) * width / self.size["width"],
            "y": top + (y + 0.5) * height / self.size["height"],
        }
        await self.ask("Input.dispatchMouseEvent", type="mouseMoved", **at)
        for number in range(1, count + 1):
            how = {**at, "button": button, "clickCount": number}
            await self.ask("Input.dispatchMouseEvent", type="mousePressed", **how)
            await self.ask("Input.dispatchMouseEvent", type="mouseReleased", **how)

    async def picture(self) -> bytes:
        """Return what the page looks like, as PNG."""
        answer = await self.ask("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])


class Browser:
    """One connection to the browser; answers find their requests by number, events their tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._tabs: dict[str, Tab] = {}

    async def listen(self) -> None:
        async for frame in self._connection:
            message = json.loads(frame)
            if "id" in message:
                self._answers.pop(message["id"]).set_result(message)
            elif message.get("sessionId") in self._tabs:
                self._tabs[message["sessionId"]].heard(message["method"], message["params"])

    async def ask(self, method: str, session: str = "", **params: Any) -> Any:
        self._number += 1
        request = {"id": self._number, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps(request))
        async with asyncio.timeout(LIMIT_S):
            message = await answer
        assert "error" not in message, (method, message["error"])
        return message["result"]

    async def open(self, url: str, width: int = 1280, height: int = 720) -> Tab:
        """Open a tab on ``url``."""
        target = (await self.ask("Target.createTarget", url="about:blank"))["targetId"]
        answer = await self.ask("Target.attachToTarget", targetId=target, flatten=True)
        tab = self._tabs[answer["sessionId"]] = Tab(self.ask, answer["sessionId"], target)
        for domain in ("Page", "Network", "Runtime"):
            await tab.ask(f"{domain}.enable")
        await tab.resize(width, height)
        await tab.go(url)
        return tab


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a browser; what it keeps goes with it."""
    # Not pytest's folder: the path of the browser's socket must be short.
    with tempfile.TemporaryDirectory(
        prefix="headroom-chromium-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        async with _running(Path(folder)) as browser:
            yield browser


@contextlib.asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Browser]:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *FLAGS,
        f"--user-data-dir={folder}",
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await _address(folder), max_size=None, open_timeout=START_S) as found:
            browser = Browser(found)
            listening = asyncio.create_task(browser.listen())
            try:
                yield browser
            finally:
                listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), LIMIT_S)


async def _address(folder: Path) -> str:
    file = folder / "DevToolsActivePort"
    deadline = time.monotonic() + START_S
    while not (file.exists() and file.read_text().count("\n")):
        assert time.monotonic() < deadline, "Chromium did not start"
        await asyncio.sleep(0.05)
    port, path = file.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"
