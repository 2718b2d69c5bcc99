"""The loop that knows its pauses: work that holds it is told, waiting is not."""

import asyncio
import time

from exchange.server import pauses


def test_what_holds_the_loop_is_told_and_waiting_is_not() -> None:
    told: list[float] = []

    async def main() -> str:
        pauses.tell(told.append)
        await asyncio.sleep(2 * pauses.LEAST_S)
        begun_s = time.perf_counter()
        while time.perf_counter() - begun_s < 4 * pauses.LEAST_S:
            pass
        await asyncio.sleep(0)
        return "done"

    assert pauses.run(main()) == "done"
    assert max(told) >= 4 * pauses.LEAST_S


def test_another_loop_tells_nothing() -> None:
    async def main() -> None:
        pauses.tell(lambda _: None)

    asyncio.run(main())
