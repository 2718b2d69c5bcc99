"""What is kept as drawn never shows what is old: rows of a pane, panes of the market screen."""

import asyncio
import gc
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip

from exchange.wire.requests import OrderPlace
from tests.tui.test_app import LARGE, SMALL, SYMBOL, Stand, play
from tui.demo.scripted import SYMBOLS
from tui.frame import FRAME_MS, MOVING_MS
from tui.screens.market import MarketScreen, pace_of
from tui.session import ALL_PANES, TOUCHES
from tui.themes import paint_of
from tui.view import panes, tape
from tui.view.text import Line, fit, span
from tui.widgets.pane import STRIPS_MAX, LinesView, Row

WIDTHS = (7, 12)
ROWS = [fit((span(text, ink),), 7) for text in ("", "abc", "0.0312") for ink in ("text", "bid!")]
PAINTS = [paint_of(theme, "truecolor") for theme in ("headroom-dark", "headroom-light")]
SHOWS = st.lists(st.sampled_from(ROWS), min_size=3, max_size=4)
ACTS = st.one_of(SHOWS, st.sampled_from(PAINTS), st.sampled_from(WIDTHS))


class Sized(LinesView):
    """A pane of a size that a test sets."""

    cells = Size(WIDTHS[0], 5)

    @property
    def outer_size(self) -> Size:
        return self.cells


def test_a_pane_shows_its_lines_after_any_changes() -> None:
    async def scene(_: Stand) -> None:
        @given(st.lists(ACTS, max_size=12))
        def law(acts: Sequence[object]) -> None:
            view, paint, shown = Sized(PAINTS[0], "kept"), PAINTS[0], list[Line]()
            for act in acts:
                match act:
                    case list():
                        shown = act
                        view.show(shown)
                    case int():
                        view.cells = Size(act, 5)
                    case _:
                        paint = PAINTS[PAINTS.index(act)]  # type: ignore[arg-type]
                        view.repaint(paint)
                fresh, whole = Sized(paint, "fresh"), Region(0, 0, *view.cells)
                fresh.cells = view.cells
                fresh.show(shown)
                assert view.render_lines(whole) == fresh.render_lines(whole)

        law()

    play(SMALL, scene)


@given(
    st.lists(st.text("aé▸世", max_size=4), max_size=4),
    st.lists(st.integers(1, 40), max_size=4, unique=True),
)
def test_a_row_is_cut_as_any_strip_is(texts: Sequence[str], cuts: list[int]) -> None:
    row, strip = Row(map(Segment, texts)), Strip(map(Segment, texts))
    for ends in (sorted(cuts), [row.cell_length], [row.cell_length, row.cell_length + 1]):
        assert row.divide(ends) == strip.divide(ends)


def test_what_is_no_longer_shown_is_freed_at_once() -> None:
    """Else it stays until Python looks through all that it holds, hours later."""

    async def scene(_: Stand) -> None:
        view, whole = Sized(PAINTS[0], "kept"), Region(0, 0, *Sized.cells)
        gc.collect()
        gc.disable()
        try:
            for number in range(5 * STRIPS_MAX):
                view.show([fit((span(f"own{number}", "text"),), WIDTHS[0])])
                for strip in view.render_lines(whole):
                    assert strip.divide([WIDTHS[0]]) == [strip]  # as Textual does to show it
                assert len(view._strips) <= STRIPS_MAX
            fit.cache_clear()
            rows = (one for one in gc.get_objects() if isinstance(one, Row))
            kept = [row for row in rows if row.text.startswith("own")]
            assert len(kept) <= STRIPS_MAX
        finally:
            gc.enable()

    play(SMALL, scene)


def test_a_row_on_screen_is_kept_however_many_there_were() -> None:
    async def scene(_: Stand) -> None:
        view = Sized(PAINTS[0], "kept")
        head = fit((span("head", "text"),), WIDTHS[0])
        made = set[int]()
        for number in range(3 * STRIPS_MAX):
            view.show([head, fit((span(f"{number}", "text"),), WIDTHS[0])])
            made.add(id(view.render_lines(Region(0, 0, *Sized.cells))[0]))
        assert len(made) == 1

    play(SMALL, scene)


def test_what_the_market_shows_is_what_it_would_show_if_all_was_drawn_anew() -> None:
    async def scene(s: Stand) -> None:
        market, luck = s.app.market, random.Random(11)
        assert market is not None
        for number in range(60):
            await _something(s, luck, number)
            async with asyncio.timeout(10):
                await s.link.settled()
            await s.pilot.pause()
            if luck.random() < 0.5:
                market.frame()
            else:
                market.pulse()
                market.frame()
                _compare(market)

    play(LARGE, scene)


async def _something(s: Stand, luck: random.Random, number: int) -> None:
    """Let the market move, mostly; sometimes trade, or choose another instrument."""
    chance = luck.random()
    if chance < 0.7:
        s.link.play(luck.choice(SYMBOLS[:4]), luck.randint(1, 3))
    elif chance < 0.85:
        side = luck.choice(("buy", "sell"))
        await s.link.request(
            OrderPlace(
                req_id=1,
                client_order_id=f"own-{number}",
                symbol=SYMBOL,
                side=side,  # type: ignore[arg-type]
                order_type="limit",
                price_ucr=90_000 if side == "buy" else 100,
                qty=1,
                time_in_force="ioc",
            )
        )
    else:
        await s.app.session.show(luck.choice(SYMBOLS[:3]))


def _compare(market: MarketScreen) -> None:
    fit.cache_clear()
    tape.trade_line.cache_clear()
    scene = market._scene()
    for pane, view in market.views.items():
        if view.display:
            width, height = view.size
            fresh = panes.lines(pane, scene, width, height)
            assert view.text == "\n".join("".join(text for text, _, _ in line) for line in fresh)


def test_only_the_market_waits_longer() -> None:
    paces = {topic: pace_of(touched) for topic, touched in TOUCHES.items()}
    assert paces["book"] == paces["tape"] == MOVING_MS
    assert paces["account"] == pace_of(ALL_PANES) == FRAME_MS
