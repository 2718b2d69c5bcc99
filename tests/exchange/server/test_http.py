"""Plain HTTP beside the WebSocket: what Prometheus, scripts and browsers get."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from exchange.journal.rows import AccountRow, JournalRow
from exchange.server.clock import SystemClock
from exchange.server.form import FORM
from exchange.server.http_pages import HttpPages
from exchange.server.pump import Pump
from exchange.wire.admin_requests import AdminHalt
from tests.exchange.gateway.test_gateway import Rig
from tests.exchange.server.test_server import place, play, trader
from tests.exchange.support.harness import DEADLINE_S, ROOT, SYMBOL, raw

Sample = Callable[..., float]


async def get(url: str, path: str) -> tuple[int, str, str]:
    """Return status, content type and body."""

    def fetch() -> tuple[int, str, str]:
        address = url.replace("ws://", "http://").replace("/v1/ws", path)
        try:
            request = urllib.request.urlopen(address, timeout=DEADLINE_S)  # noqa: S310 - loopback
            with request as response:
                return response.status, response.headers["Content-Type"], response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()

    return await asyncio.to_thread(fetch)


async def metrics(url: str) -> Sample:
    """Return a function from a sample's name and labels to its value, 0 when it is not there."""
    status, content_type, text = await get(url, "/metrics")
    assert status == 200 and content_type.startswith("text/plain")
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]

    def value(name: str, **labels: str) -> float:
        found = (s.value for s in samples if s.name == name and s.labels == labels)
        return next(found, 0.0)

    return value


def test_metrics_count_what_was_done(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        before = await metrics(url)
        async with raw(url) as alice, raw(url) as public:
            await trader(alice, "alice")
            await public.frame()
            await public.ask("subscribe", channel="book", symbol=SYMBOL)
            await place(alice, "a", "sell", 1, 3_000)
            await place(alice, "a", "sell", 1, 3_000)
            refused = await alice.ask("order.cancel", client_order_id="x")
            assert refused["reason"] == "unknown_order"
            await alice.ask("order.list")
            after = await metrics(url)
            for tag, outcome in (
                ("order.place", "done"),
                ("order.place", "duplicate"),
                ("order.cancel", "unknown_order"),
                ("order.list", "done"),
                ("subscribe", "done"),
            ):
                assert after("headroom_requests_total", type=tag, outcome=outcome) == 1, tag
            assert after("headroom_journal_rows_total") == before("headroom_journal_rows_total") + 1
            assert after("headroom_journal_seq") == before("headroom_journal_seq") + 1
            assert after("headroom_disk_level", level="ok") == 1
            assert after("headroom_disk_level", level="halt") == 0
            assert after("headroom_disk_free_bytes") > 0
            assert after("headroom_quarantined_requests") == 0
            commits = "headroom_journal_commit_seconds_count"
            assert after(commits) == before(commits) + 1
            assert after("headroom_batch_apply_seconds_count") > before(commits)
            assert after("headroom_connections") == 2
            assert after("headroom_sessions", role="trader") == 1
            assert after("headroom_sessions", role="anonymous") == 1
            assert after("headroom_subscriptions", channel="book") == 1
            assert after("headroom_sent_frames_total") > before("headroom_sent_frames_total")
            assert after("headroom_hosts", status="live") == 1
            assert after("headroom_slow_clients_cut_total") == 0
            assert after("headroom_epoch") == 1
            version = metadata.version("headroom")
            assert after("headroom_build_info", version=version, form=FORM) == 1

    play(tmp_path, scene)


def test_every_metric_is_documented(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()

    async def scene(url: str) -> None:
        _, _, text = await get(url, "/metrics")
        names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        told = {name for name in names if not name.endswith("_created")}
        missing = [name for name in sorted(told) if f"`{name}" not in page]
        assert told and not missing

    play(tmp_path, scene)


def test_the_schema_describes_real_frames(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        status, content_type, text = await get(url, "/v1/schema")
        assert (status, content_type) == (200, "application/json")
        validator = Draft202012Validator(json.loads(text))
        async with raw(url) as public:
            validator.validate(await public.frame())
            for channel in ("directory", "instruments"):
                validator.validate(await public.ask("subscribe", channel=channel))
                validator.validate(await public.frame())

    play(tmp_path, scene)


@pytest.mark.parametrize("path", ["/", "/v1", "/metrics/x", "/v1/instruments/"])
def test_there_is_nothing_else(tmp_path: Path, path: str) -> None:
    async def scene(url: str) -> None:
        assert (await get(url, path))[0] == 404

    play(tmp_path, scene)


class SlowDisk:
    """A journal whose writes end when ``gate`` opens."""

    def __init__(self) -> None:
        self.writing = asyncio.Event()
        self.gate = asyncio.Event()

    async def append(self, rows: list[JournalRow], accounts: list[AccountRow]) -> None:
        self.writing.set()
        await self.gate.wait()

    async def account_rows(
        self, account: str, after: int, upto: int, limit: int
    ) -> list[AccountRow]:
        return []


def test_what_is_shown_is_durable() -> None:
    """A page asked for while a batch is being written waits for it.

    (Seen to fail with a `read` that looked at the engine at once.)
    """

    async def main() -> None:
        gateway, disk = Rig().gateway, SlowDisk()
        pump = Pump(gateway, disk, SystemClock())
        halt = AdminHalt(req_id=1, symbol=SYMBOL, halted=True)
        pump.submit(lambda now: gateway.internal(halt, now, "operator"))
        running = asyncio.create_task(pump.run())
        await disk.writing.wait()
        shown = asyncio.create_task(pump.read(gateway.engine.instruments))
        await asyncio.wait({shown}, timeout=0.05)
        assert not shown.done()
        disk.gate.set()
        rows = {row.symbol: row.state for row in await shown}
        assert rows[SYMBOL] == "halted"
        pump.stop()
        await running

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def test_a_private_exchange_shows_no_instruments_to_strangers() -> None:
    """Seen to fail when `--private` closed the channel of that name alone."""

    async def main() -> None:
        gateway = Rig().gateway
        gateway.context.private = True
        pages = HttpPages(Pump(gateway, SlowDisk(), SystemClock()))
        answer = await pages.answer("/v1/instruments")
        assert (answer.status_code, SYMBOL.encode() in answer.body) == (403, False)
        assert (await pages.answer("/healthz")).status_code == 200

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))


def test_a_stuck_exchange_says_so() -> None:
    async def main() -> None:
        gateway, disk = Rig().gateway, SlowDisk()
        pump = Pump(gateway, disk, SystemClock())
        halt = AdminHalt(req_id=1, symbol=SYMBOL, halted=True)
        pump.submit(lambda now: gateway.internal(halt, now, "operator"))
        running = asyncio.create_task(pump.run())
        await disk.writing.wait()
        answer = await HttpPages(pump, timeout_s=0.05).answer("/metrics")
        assert answer.status_code == 503
        disk.gate.set()
        pump.stop()
        await running

    asyncio.run(asyncio.wait_for(main(), DEADLINE_S))
