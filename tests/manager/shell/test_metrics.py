"""The Manager's page of metrics: what it says, where it listens, and who may hold it up."""

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from manager.control.frames import (
    AskRow,
    BurstRow,
    GroupRow,
    LoadRow,
    RuleRow,
    Snapshot,
    UnitRow,
)
from manager.shell.metrics import ManagerMetrics
from manager.shell.metrics_page import CONNECTIONS_MAX, AddressError, MetricsPage, listen

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
SHOWN = Snapshot(
    1_000,
    LoadRow(100.0, 2, 90.0, 45.0, 3, 1, 2, online=True, buying=False),
    rules=[RuleRow('bu"rst', "", "", "cooling", units=2, spent_ucr=1_500_000)],
    bursts=[
        BurstRow("b", "web", hour_ucr=40_000, units=[UnitRow("l-0", "l", "h", 20_000, "ready")])
    ],
    groups=[GroupRow("rack", "all", 1, [AskRow("s", 2, 10), AskRow("s", 3, 11)])],
)


def figures(shown: Snapshot) -> dict[str, float]:
    text = ManagerMetrics(lambda: shown, {"fired": 3}).text().decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_snapshot_is_told_in_figures() -> None:
    assert figures(SHOWN) == {
        "headroom_manager_load": 90.0,
        "headroom_manager_util_percent": 45.0,
        "headroom_manager_units_ready": 3.0,
        "headroom_manager_units_pending": 1.0,
        "headroom_manager_connected": 1.0,
        "headroom_manager_load_stale": 0.0,
        "headroom_manager_buying": 0.0,
        'headroom_manager_rule_state bu"rst cooling': 1.0,
        'headroom_manager_rule_spent_credits bu"rst': 1.5,
        'headroom_manager_rule_units bu"rst': 2.0,
        "headroom_manager_rented_units ready": 1.0,
        "headroom_manager_hour_credits": 0.04,
        "headroom_manager_ask_units rack s": 5.0,
        "headroom_manager_alerts_total fired": 3.0,
    }


def test_without_a_load_there_is_no_figure_of_it() -> None:
    assert "headroom_manager_load" not in figures(Snapshot(0, LoadRow(1.0, 0)))


def test_every_metric_is_on_its_page() -> None:
    told = set(re.findall(r"`(headroom_manager_\w+)", PAGE.read_text("utf-8")))
    assert {name.split()[0] for name in figures(SHOWN)} == told


async def answer(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_it_answers_one_page_and_no_more_connections_than_it_should() -> None:
    async def run() -> None:
        listener = listen("0")
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        task = asyncio.create_task(MetricsPage(lambda: b"x 1\n").serve(listener))
        page = await answer(port, b"GET /metrics HTTP/1.1\r\n\r\n")
        assert page.startswith(b"HTTP/1.1 200 ") and page.endswith(b"\r\n\r\nx 1\n")
        assert b" 404 " in await answer(port, b"GET / HTTP/1.1\r\n\r\n")
        assert b" 405 " in await answer(port, b"POST /metrics HTTP/1.1\r\n\r\n")
        assert await answer(port, b"G" * 20_000) == b""
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_MAX)]
        assert await answer(port, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
        for _, writer in held:
            writer.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 20))


@pytest.mark.parametrize("address", ["", "x", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1"])
def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(AddressError, match="ADDR:PORT"):
        listen(address)
