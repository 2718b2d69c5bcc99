"""What hosts and guests tell, as the Manager takes it: where it connects, what its log shows."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.log.line import as_json, as_text
from exchange.wire.types import Endpoint
from manager.core import log_events
from manager.core.core import Manager
from manager.core.messages import BackendFailed, Log, RegisterBackend
from manager.core.paper import Paper
from tests.manager.farm import BOOT_MS, BURST, MINUTE_MS, PRICE_UCR, START_MS, Farm, fail

NASTY = "ok\r\nERROR all hosts gone\x1b[2J\u202e\x00" + "x" * 100_000


class Liar(Paper):
    """Its hosts tell ``address`` for every port."""

    address = ""

    def _vm(self, lease: Any, vm: Any, *rest: Any) -> None:
        endpoints = [Endpoint(each.guest_port, self.address, each.port) for each in vm.endpoints]
        super()._vm(lease, replace(vm, endpoints=endpoints), *rest)


def farm_told(address: str, *, loopback: bool) -> Farm:
    farm = Farm(BURST | {"do": "buy 1"})
    config = replace(farm.manager.config, loopback=loopback)
    paper = farm.paper = Liar(Manager(config), PRICE_UCR, BOOT_MS)
    paper.address = address
    paper.feed(paper.connected(), START_MS)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    return farm


@pytest.mark.parametrize(
    ("address", "loopback", "connects"),
    [
        ("203.0.113.7", False, True),
        ("127.0.0.1", True, True),
        ("127.0.0.1", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("localhost", True, False),
        ("metadata.internal", True, False),
        ("169.254.169.254", True, False),
        ("0.0.0.0", True, False),  # noqa: S104
        ("203.0.113.7@127.0.0.1", True, False),
        ("203.0.113.7\n", True, False),
        (NASTY, True, False),
    ],
)
def test_it_connects_only_to_what_can_be_a_guest(
    address: str, loopback: bool, connects: bool
) -> None:
    farm = farm_told(address, loopback=loopback)
    told = [out for out in farm.paper.outs if isinstance(out, RegisterBackend)]
    assert bool(told) == connects
    avoided = [out for out in farm.paper.outs if isinstance(out, Log) and "avoided" in out.text]
    assert bool(avoided) != connects


def test_no_text_of_theirs_makes_a_line_of_its_own() -> None:
    farm = Farm(BURST)
    farm.load(90, for_ms=2 * MINUTE_MS + BOOT_MS)
    fail(farm, next(iter(farm.paper.leases)), NASTY)
    farm.paper.feed(BackendFailed("l-1-0", NASTY), farm.now_ms)
    lines = [line for out in farm.paper.outs if (line := log_events.of_out(out)) is not None]
    nasty = [line for line in lines if "all hosts gone" in line.text]
    assert nasty
    for line in nasty:
        for text in (as_text(line, 1), as_json(line, 1)):
            assert text.isprintable()
            assert len(text) < 10_000
