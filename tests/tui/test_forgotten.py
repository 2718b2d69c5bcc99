"""What is over, not shown and not held is forgotten: a terminal may run for months."""

import asyncio

from msgspec.structs import replace

from exchange.wire.types import Channel
from tests.tui.market import SYMBOL, instrument, lease, trade
from tests.tui.test_app import SMALL, Stand, stand
from tui.demo.scripted import SYMBOLS, ScriptedLink

DAYS = 1


def window(hour: int) -> str:
    return f"small.eu-de.flat.2026-11-{hour // 24 + 1:02d}T{hour % 24:02d}"


class WindowLink(ScriptedLink):
    """Windows are listed and trade as they are followed."""

    async def subscribe(self, channel: Channel, symbol: str | None = None) -> object:
        if symbol is None or symbol in SYMBOLS:
            return await super().subscribe(channel, symbol)
        if channel == "trades":
            self.push(replace(trade(1), symbol=symbol))
        return None

    async def candles(self, symbol: str, interval_ms: int) -> None:
        if symbol in SYMBOLS:
            await super().candles(symbol, interval_ms)


async def is_over(s: Stand, symbol: str) -> None:
    s.link.push(replace(instrument(symbol), state="settled"))
    await s.settle()


def test_settled_windows_are_forgotten_but_not_those_shown_or_held() -> None:
    held, shown = window(1), window(2)

    async def main() -> None:
        async with stand(SMALL, link=WindowLink()) as s:
            session, model = s.app.session, s.app.desk.model
            s.link.push(replace(lease(1), symbol=held))
            for hour in range(24 * DAYS):
                s.link.push(instrument(window(hour)))
                await s.settle()
                if hour == 2:
                    await session.show(shown)
                await is_over(s, window(hour))
            known = {*SYMBOLS, held, shown}
            assert model.instruments.keys() == known
            assert {symbol for _, symbol in session._followed} <= {"", *known}
            known |= {""}  # what is shown before there is an instrument
            assert model.books.keys() | model.tapes.keys() | s.app.desk.grids.keys() <= known
            assert model.tape(held).trades, "what is held keeps its prices"
            assert ("trades", window(9)) in s.link.ended, "or it would be asked for for ever"
            await session.show(SYMBOL)
            await is_over(s, window(3))
            await s.settle()
            assert model.instruments.keys() == known - {shown, ""}
            assert ("candles", shown) in s.link.ended

    asyncio.run(main())
