"""The Library on a scripted link: who only watches, what waits, what lacks its row."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from exchange.wire.requests import ImageList
from exchange.wire.types import Request
from manager.control.frames import Change, LoadRow, Snapshot, VmRow
from manager.control.requests import VmVerify
from tests.tui.test_app import LARGE, SIZES, SMALL, SYMBOL, Stand, play, stand
from tui.demo.scripted import ScriptedLink
from tui.link import NoAnswerError
from tui.screens.form import FormScreen
from tui.screens.library import LibraryScreen
from tui.view.reading import AGAIN_MS

WEB = VmRow("web", "small", "ab" * 32, [80], "/healthz", "farm")
SHOWN = Snapshot(1, LoadRow(100.0, 1), library=[WEB])


class SlowFarm:
    """A Manager that answers when it is told to."""

    path = Path("/m.sock")

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.done = asyncio.Event()

    async def request(self, message: Any) -> Any:
        self.asked.append(message)
        await self.done.wait()
        return None


def screen(s: Stand) -> LibraryScreen:
    assert isinstance(s.app.tab, LibraryScreen)
    return s.app.tab


def text(s: Stand) -> str:
    return "\n".join(pane.text for pane in screen(s).panes.values() if pane.display)


def said(s: Stand) -> list[str]:
    """Return all that the Log has: the images are read meanwhile, which this link refuses."""
    return [entry.text for entry in s.app.shared.log.entries]


async def enter(s: Stand) -> SlowFarm:
    farm = SlowFarm()
    s.app.shared.farm_link = farm  # type: ignore[assignment]
    await s.press("f7")
    s.app.shared.farm_shows(SHOWN)
    await s.settle()
    return farm


def test_every_row_fills_its_place() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        for size in (SMALL, (120, 35), LARGE, (200, 60), (60, 17)):
            await s.pilot.resize_terminal(*size)
            await s.settle()
            await s.settle()
            for pane in screen(s).panes.values():
                if pane.display:
                    rows = pane.text.split("\n")
                    assert {len(row) for row in rows} == {pane.size.width}, size
                    assert len(rows) == pane.size.height, size
            assert "web" in text(s) and "here only" in text(s)

    play(SMALL, scene)


def test_what_takes_its_time_is_shown_and_not_asked_twice() -> None:
    async def scene(s: Stand) -> None:
        farm = await enter(s)
        await s.press("v")
        assert farm.asked == [VmVerify(req_id=1, vm="web")]
        assert "verifying 0 s" in text(s)
        await s.press("v")
        assert "web: verifying already" in said(s)
        assert len(farm.asked) == 1
        farm.done.set()
        await s.settle()
        await s.settle()
        assert "web is what was imported" in said(s)
        assert "verifying" not in text(s)

    play(SMALL, scene)


def test_a_manager_that_is_gone_is_said() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        s.app.shared.farm_lost("it closed the connection")
        await s.settle()
        assert "STORED VMS · OLD, no Manager answers" in text(s)

    play(SMALL, scene)


def test_an_act_without_its_row_says_what_is_missing() -> None:
    async def scene(s: Stand) -> None:
        farm = await enter(s)
        await s.press("s")
        assert "Go to an image of yours at the exchange first." in said(s)
        await s.press("tab", "e")
        assert "Go to a stored VM first." in said(s)
        assert farm.asked == []

    play(SMALL, scene)


def test_enter_edits() -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        await s.press("enter")
        assert isinstance(s.app.screen, FormScreen)
        assert s.app.screen.form.title == "Settings of web"

    play(SMALL, scene)


@SIZES
def test_who_only_watches_needs_a_key(size: tuple[int, int]) -> None:
    async def scene(s: Stand) -> None:
        await enter(s)
        assert not [action for action in screen(s).offered if action.deals]
        await s.press("i", "e", "v", "u", "x", "b", "s")
        assert isinstance(s.app.screen, LibraryScreen)
        assert not [one for one in s.sent() if not isinstance(one, ImageList)]

    play(size, scene, who="")


class Images(ScriptedLink):
    """Answers `image.list` with ``images``, or with nothing while ``lost``; held back, later."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, Any]] = []
        self.lost = False
        self.go = asyncio.Event()
        self.go.set()

    async def request(self, message: Request) -> object:
        if not isinstance(message, ImageList):
            return await super().request(message)
        self.requests.append(message)
        found = list(self.images)  # as things stood when it was asked
        await self.go.wait()
        if self.lost:
            raise NoAnswerError("connection lost")
        return {"images": [] if message.for_sale else found, "for_sale": []}


SIZED = {"sha256": "ab" * 32, "size": 8192, "format": "raw"}


def on_images(scene: Callable[[Stand, Images], Awaitable[None]]) -> None:
    async def run() -> None:
        link = Images()
        async with stand(LARGE, link=link) as s:
            await scene(s, link)

    asyncio.run(run())


async def until(s: Stand, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await s.pilot.pause(0.05)


async def sees(s: Stand, part: str) -> None:
    await until(s, lambda: part in text(s) and "STALE" not in text(s))


def test_what_comes_while_the_images_are_read_is_not_lost() -> None:
    """An import ends while an earlier answer is awaited: its image has its size all the same."""

    async def scene(s: Stand, link: Images) -> None:
        farm = await enter(s)
        await sees(s, "here only")
        link.go.clear()
        await s.press("f6", "f7")  # read anew, and not answered yet
        await until(s, lambda: len(link.requests) == 3)
        await s.press("v")
        link.images = [SIZED]
        farm.done.set()
        await s.settle()
        assert "web is what was imported" in said(s)
        link.go.set()
        await sees(s, "8.0 KiB")

    on_images(scene)


def test_an_image_that_somebody_else_brought_has_its_size() -> None:
    async def scene(s: Stand, link: Images) -> None:
        await enter(s)
        await sees(s, "here only")
        link.images = [SIZED, {**SIZED, "sha256": "cd" * 32, "size": 4096}]
        s.app.shared.farm_shows(Change(2, library=[VmRow("new", "small", "cd" * 32)]))
        screen(s).farm_changed()
        await sees(s, "4.0 KiB")
        assert "8.0 KiB" in text(s)

    on_images(scene)


def test_images_that_could_not_be_read_are_asked_for_again_and_said_once() -> None:
    async def scene(s: Stand, link: Images) -> None:
        link.lost, link.images = True, [SIZED]
        await enter(s)
        why = "The images cannot be read: the connection was lost"
        for _ in range(2):
            await until(s, lambda: bool(link.requests) and why in said(s))
            await s.settle()
            assert said(s).count(why) == 1
            assert "IMAGES AT THE EXCHANGE · STALE" in text(s)
            link.requests.clear()
            link.market.now_ms += AGAIN_MS
            link.play(SYMBOL, 1)  # the connection is not silent
        link.lost = False
        await sees(s, "8.0 KiB")

    on_images(scene)
