"""The command-line twins against a real Manager, which has a real exchange behind it."""

import asyncio
import json
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from exchange.client import Client
from manager.control.requests import ControlRequest, LoadPast, RuleRead
from manager.shell import control_client
from manager.shell.cli import app
from manager.shell.control_client import ControlError
from tests.e2e.test_chain import client, end, exchange
from tests.e2e.wait import eventually, http_get
from tests.manager.shell.test_live import (
    ADDRESS,
    CONFIG,
    Guest,
    ask_when_live,
    found_market,
    heard,
    leases,
    start_host,
    start_logging,
    store_web,
)

GUEST_PORT = 30_050
METRICS_PORT = 30_051


async def twin(control: Path, *words: str) -> tuple[int, str, str]:
    """Run ``headroom manager WORDS`` to its end; return exit code and what it printed."""
    done = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--control", str(control)])
    return done.exit_code, done.stdout, done.stderr


async def told(control: Path, *words: str) -> Any:
    code, out, err = await twin(control, *words, "--json")
    assert (code, err) == (0, ""), words
    return json.loads(out)


async def refused(control: Path, *words: str) -> str:
    code, out, err = await twin(control, *words)
    assert (code, out, err.count("\n")) == (1, "", 1), (words, code, out, err)
    return err


def text_of(path: Path) -> str:
    return path.read_text()


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def story(folder: Path) -> None:
    guest = Guest()
    server = await asyncio.start_server(guest.answer, ADDRESS, GUEST_PORT)
    config, control, log = folder / "manager.toml", folder / "m.sock", folder / "manager.log"
    config.write_text("# mine\n" + CONFIG.format(address=ADDRESS, port=GUEST_PORT))
    store_web(folder)
    async with exchange(folder) as running, server:
        await found_market(running)
        async with client(running, "seller") as seller, client(running, "buyer") as buyer:
            host = await start_host(running, seller, folder / "state")
            assert "nothing listens at" in await refused(control, "status")
            run = ("manager", "run", "--url", running.url, "--config", str(config))
            listen = ("--control", str(control), "--metrics", f"{ADDRESS}:{METRICS_PORT}")
            manager = await start_logging(log, *run, *listen)
            try:
                await ask_when_live(seller)
                await heard(log, " at work")
                await eventually(connected, 30, "the core knows its account")
                await look_and_change(control, config)
                await keep_a_vm(control, config, folder / "web.raw")
                await burst_by_hand(control, buyer)
                await reload(control, config, manager, log)
            finally:
                assert await end(manager) == 0
                await end(host)
    assert not control.exists()


async def connected() -> bool | None:
    """Ask the figures: the log's first line comes before the account is read."""
    status, page = await http_get(ADDRESS, METRICS_PORT, "/metrics")
    assert status == 200
    return "headroom_manager_connected 1.0" in page or None


async def look_and_change(control: Path, config: Path) -> None:
    code, out, _ = await twin(control, "status")
    assert code == 0 and "burst" in out and max(map(len, out.splitlines())) <= 80
    assert "when util > 70 for 500ms" in (await told(control, "explain", "burst"))["text"]
    assert "unknown_rule" in await refused(control, "explain", "nope")
    await told(control, "pause", "burst")
    shown = await told(control, "status")
    assert shown["rules"][0]["state"] == "paused"
    text = text_of(config)
    assert text.startswith("# mine\n") and 'name = "burst"\npaused = true\n' in text
    await told(control, "resume", "burst")
    assert "paused" not in text_of(config)
    assert await asked(control, RuleRead(req_id=1, rule="burst")) == {
        "rule": tomllib.loads(text_of(config))["rule"][0]
    }
    with pytest.raises(ControlError, match="unknown_rule: there is no rule 'nope'"):
        await asked(control, RuleRead(req_id=1, rule="nope"))
    rows = (await asked(control, LoadPast(req_id=1)))["rows"]
    assert rows and rows[0][1] == 0


async def asked(control: Path, request: ControlRequest) -> Any:
    return await asyncio.to_thread(control_client.ask, control, request)


async def keep_a_vm(control: Path, config: Path, image: Path) -> None:
    made = await told(control, "vm", "import", "spare", str(image), "--guest-ports", "80")
    assert 'name = "spare"\nimage = "library/spare"\n' in text_of(config)
    stored = (await told(control, "vm", "list"))["library"]
    assert [vm["image"] for vm in stored if vm["name"] == "spare"] == [made["sha256"]]
    assert "vm_exists" in await refused(control, "vm", "import", "spare", str(image))
    assert "file_error" in await refused(control, "vm", "import", "other", "/nowhere")
    for word in ("verify", "upload"):
        assert (await told(control, "vm", word, "spare"))["sha256"] == made["sha256"]
    await told(control, "vm", "set", "spare", "--health", "/up")
    assert 'health = "/up"' in text_of(config)
    assert "in_use" in await refused(control, "vm", "delete", "web")
    await told(control, "vm", "delete", "spare")
    assert "spare" not in text_of(config) and not (config.parent / "library/spare").exists()


async def burst_by_hand(control: Path, buyer: Client) -> None:
    await told(control, "stop-buying")
    by_hand = ("burst", "web", "1", "--price-max", "0.1")
    assert "buying is stopped" in await refused(control, *by_hand)
    await told(control, "resume-buying")
    assert (await told(control, *by_hand))["units"] == 1
    rented = await eventually(lambda: rented_now(buyer), 30, "a unit is rented")
    assert rented[0]["client_order_id"].startswith("rule/+web/")
    await eventually(lambda: kept(control, "units"), 30, "it is for the stored VM")
    assert (await told(control, "burst", "web", "--end"))["units"] == 1
    await eventually(lambda: none_now(buyer), 30, "it is given back")
    await eventually(lambda: kept(control, "used_ms"), 30, "when it was used last is shown")


async def kept(control: Path, what: str) -> int | None:
    """Return what `vm list` says of the stored VM ``web``, if anything."""
    [web] = [row for row in (await told(control, "vm", "list"))["library"] if row["name"] == "web"]
    found: int | None = web.get(what)
    return found


async def rented_now(buyer: Client) -> list[dict[str, Any]] | None:
    return await leases(buyer) or None


async def none_now(buyer: Client) -> bool | None:
    return None if await leases(buyer) else True


async def reload(control: Path, config: Path, manager: Any, log: Path) -> None:
    right = text_of(config)
    write(config, right.replace("buy 1", "bye 1"))
    assert "rule[0].do" in await refused(control, "reload")
    manager.send_signal(signal.SIGHUP)
    await heard(log, "nothing was changed")
    assert (await told(control, "status"))["rules"][0]["do"] == "buy 1"
    write(config, right.replace("buy 1", "buy 2"))
    manager.send_signal(signal.SIGHUP)
    await heard(log, "rule burst changed; 2 rules at work")
    assert (await told(control, "status"))["rules"][0]["do"] == "buy 2"
    assert (await told(control, "dry-run"))["units"][0] == [0.0, 0]
    write(config, right.replace('kind = "memory"', 'kind = "memory"\ndrain_s = 5'))
    assert "needs_restart" in await refused(control, "reload")


def test_the_twins_ask_a_manager_that_runs(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    asyncio.run(asyncio.wait_for(story(tmp_path), 150))
