"""Every frame the exchange sends fits `SENT_FRAME_BYTES`, also with the most that it may hold.

The frames are filled from their own types: texts as long and as dear to write as they may be,
numbers with all their digits, lists with the most rows. A list that is in no table here fails, and
so does a request whose answer is in none: whoever adds one says how it is kept short.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct, inspect

from exchange.engine import views
from exchange.engine.views import IDLE_TOLD, REASON_CHARS, RECALLS_TOLD
from exchange.feed.directory import FOUND_MAX
from exchange.feed.feed import TRADES_KEPT
from exchange.model.commands import shown_fills
from exchange.session.sign_ups import PENDING_MAX, Application
from exchange.storage.statements import PAGE_ROWS
from exchange.units import MAX_INT
from exchange.wire import console_requests, frames, instructions, requests, schema
from exchange.wire.admin_requests import AdminApplications, AdminBalances
from exchange.wire.codec import CODECS
from exchange.wire.paging import head, page, sync_parts
from exchange.wire.results import FillRow, OrderResult
from exchange.wire.types import (
    CONSOLE_MAX_BYTES,
    FILLS_TOLD_MAX,
    LEVELS_MAX,
    MAX_USER_DATA_CHARS,
    SENT_FRAME_BYTES,
    Paged,
    SyncLease,
)

MANY: Final = 20_000
"""More rows than any frame holds."""
NAME: Final = '"' * 64
"""A name that is twice as long in JSON."""
TEXT: Final = "\x01" * 1024
"""A text that is six times as long in JSON."""

TEXTS: Final = {
    ("VmLaunch", "user_data"): "\x01" * MAX_USER_DATA_CHARS,
    ("VmLaunch", "cmdline"): '"' * 1024,
    ("ErrorReply", "message"): TEXT,
    ("VmUpdate", "reason"): TEXT,
    ("IdleUnit", "reason"): "\x01" * REASON_CHARS,
    ("Application", "contact"): '"' * 256,
}
CLASSES: Final = 64
"""Of a host, as it may announce them; each has a flat and a metered spot symbol."""
LENGTHS: Final = {
    ("BookSnapshot", "bids"): LEVELS_MAX // 2,
    ("BookSnapshot", "asks"): LEVELS_MAX // 2,
    ("BookUpdate", "bids"): LEVELS_MAX // 2,
    ("BookUpdate", "asks"): LEVELS_MAX // 2,
    ("TradesSnapshot", "trades"): TRADES_KEPT,
    ("VmUpdate", "endpoints"): 16,
    ("VmLaunch", "ports"): 16,
    ("VmLaunch", "allow_from"): 16,
    ("DirectoryUpdate", "classes"): CLASSES,
    ("LeaseUpdate", "recalls"): RECALLS_TOLD,
    ("LeaseUpdate", "idle"): IDLE_TOLD,
    ("DirectoryUpdate", "free_units"): CLASSES,
    ("DirectoryUpdate", "tags"): 16,
    ("HostUpdate", "tags"): 16,
    ("DirectoryUpdate", "asks"): 2 * CLASSES,
    ("InstrumentsSnapshot", "instruments"): 0,  # put in by `fitted`, and so are the next three
    ("DirectorySnapshot", "hosts"): 0,
    ("HostSync", "leases"): 0,
    ("HostSync", "vms"): 0,
}


def widest(kind: type[Any]) -> Any:
    """Return a message of ``kind`` that could not be longer."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    fields = {field.name: _filled(kind.__name__, field.name, field.type) for field in info.fields}
    return kind(**fields)


def _filled(owner: str, name: str, kind: inspect.Type) -> Any:
    match kind:
        case inspect.IntType():
            return MAX_INT
        case inspect.StrType():
            return TEXTS.get((owner, name), NAME)
        case inspect.BoolType():
            return False
        case inspect.FloatType():
            return 99.99
        case inspect.LiteralType():
            return max(kind.values, key=lambda value: len(str(value)))
        case inspect.StructType():
            return widest(kind.cls)
        case inspect.UnionType():
            given = [part for part in kind.types if not isinstance(part, inspect.NoneType)]
            return max((_filled(owner, name, part) for part in given), key=_length)
        case inspect.TupleType():
            return tuple(_filled(owner, name, part) for part in kind.item_types)
        case inspect.DictType():
            rows = range(LENGTHS[owner, name])
            return {f"{row:02}{NAME[2:]}": MAX_INT for row in rows}
        case inspect.ListType() | inspect.CollectionType():
            return [_filled(owner, name, kind.item_type)] * LENGTHS[owner, name]
        case inspect.AnyType():
            return None
        case _:
            raise AssertionError(f"{owner}.{name}: say here how long a {kind} can be")


def _length(value: Any) -> int:
    return max(len(codec.encode(value)) for codec in CODECS.values())


def fitted(kind: type[Struct]) -> list[Any]:
    """Return the longest frames of ``kind``, cut as the exchange cuts them."""
    if kind is frames.InstrumentsSnapshot:
        instruments = [widest(frames.InstrumentUpdate)] * MANY
        return [frames.InstrumentsSnapshot(instruments[: head(instruments)], MAX_INT)]
    if kind is frames.DirectorySnapshot:
        hosts = [widest(frames.DirectoryUpdate)] * MANY
        return [frames.DirectorySnapshot(hosts[: head(hosts)], MAX_INT)]
    if kind is instructions.HostSync:
        leases, vms = [widest(SyncLease)] * MANY, [widest(instructions.VmLaunch)] * 100
        parts = sync_parts(instructions.HostSync(NAME, MAX_INT, leases, vms))
        assert sum(len(part.leases) for part in parts) == MANY
        assert sum(len(part.vms) for part in parts) == len(vms)
        assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
        return list(parts)
    return [widest(kind)]


@pytest.mark.parametrize("kind", schema.FRAMES, ids=schema.tag)
def test_a_frame_with_the_most_it_may_hold_fits(kind: type[Struct]) -> None:
    for frame in fitted(kind):
        assert _length(frame) <= SENT_FRAME_BYTES


def _rows(kind: type[Any], count: int = MANY) -> list[Any]:
    rows, _ = page((NAME, widest(kind)) for _ in range(count))
    return rows


def _account(*kinds: str) -> dict[str, Any]:
    """Each kind of row alone fills a page; a page of several kinds is no longer."""
    of_kind: dict[str, list[Any]] = {
        "orders": _rows(frames.OrderUpdate),
        "leases": _rows(frames.LeaseUpdate),
        "vms": _rows(frames.VmUpdate),
        "images": _rows(views.ImageRow),
    }
    longest = max(kinds, key=lambda name: _length(of_kind[name]))
    stands = {"account_seq": MAX_INT, "balances": widest(views.Balance), "next": NAME * 2}
    return stands | {name: [] for name in kinds} | {longest: of_kind[longest]}


def _order_result() -> Struct:
    rows, more = shown_fills([widest(FillRow)] * MANY)
    assert (len(rows), more) == (FILLS_TOLD_MAX, MANY - FILLS_TOLD_MAX)
    return OrderResult(NAME, NAME, "partially_filled", MAX_INT, MAX_INT, False, rows, NAME, MAX_INT)


def _balances() -> dict[str, Any]:
    rows, _ = page((NAME, {NAME: widest(views.Balance)}) for _ in range(MANY))
    return {"balances": {f"{number:05}{NAME[5:]}": row[NAME] for number, row in enumerate(rows)}}


def _found() -> dict[str, Any]:
    hosts = [widest(frames.DirectoryUpdate)] * FOUND_MAX
    return {"hosts": hosts[: head(hosts)]}


RESULTS: Final[dict[type[Struct], Callable[[], Any]]] = {
    requests.AccountState: lambda: _account("orders", "leases", "vms", "images"),
    requests.Subscribe: lambda: _account("orders", "leases", "vms", "images"),
    requests.OrderList: lambda: _account("orders"),
    requests.ImageList: lambda: _account("images"),
    AdminBalances: _balances,
    AdminApplications: lambda: {"applications": _rows(Application, PENDING_MAX), "next": NAME},
    requests.DirectorySearch: _found,
    requests.OrderPlace: _order_result,
    requests.OrderReplace: _order_result,
    requests.OrderCancel: _order_result,
    requests.AccountStatement: lambda: {
        "columns": [NAME] * 12,
        "rows": [{f"{'c' * 12}{number}": NAME for number in range(12)}] * PAGE_ROWS,
    },
    console_requests.VmConsole: lambda: {
        "vm_id": NAME,
        "text": "\n" * CONSOLE_MAX_BYTES,
        "next": "x" * 128,
        "gap": True,
    },
}
"""The longest result of each request that tells rows or texts."""
SHORT: Final = frozenset(
    {
        "auth", "account.apply", "session.claim", "unsubscribe", "order.mass_cancel",
        "order.cancel_on_disconnect",
        "order.cancel_all_after", "vm.start", "vm.stop", "lease.release", "lease.recall",
        "image.put", "image.get", "image.stat", "image.delete", "image.offer", "image.buy",
        "host.token", "host.enroll", "host.approve", "host.announce", "host.offer", "host.drain",
        "vm.status", "usage.report", "admin.account", "admin.key", "admin.key_revoke",
        "admin.deposit", "admin.zone", "admin.instrument", "admin.halt", "admin.kill_switch",
        "admin.limits", "admin.approve", "admin.decline",
    }
)  # fmt: skip
"""Requests whose result is a handful of names and numbers, and holds no list."""


@pytest.mark.parametrize("kind", RESULTS, ids=schema.tag)
def test_a_result_with_the_most_it_may_hold_fits(kind: type[Struct]) -> None:
    ack = frames.Ack(MAX_INT, MAX_INT, MAX_INT, RESULTS[kind]())
    assert _length(ack) <= SENT_FRAME_BYTES


def test_every_request_says_how_its_answer_is_kept_short() -> None:
    answered = {kind for kind in schema.REQUESTS if "req_id" in kind.__struct_fields__}
    told = {schema.tag(kind) for kind in RESULTS}
    assert {schema.tag(kind) for kind in answered} == told | SHORT
    assert not told & SHORT
    assert {kind for kind in answered if issubclass(kind, Paged)} <= set(RESULTS)


def test_a_page_is_never_empty_and_never_longer_than_asked() -> None:
    rows = [(str(number), number) for number in range(10)]
    assert page(rows, 3) == ([0, 1, 2], "2")
    assert page(rows, 10) == (list(range(10)), None)
    assert page(rows, 10, room=0) == ([0], "0"), "one row always goes"
    assert page([], 3) == ([], None)


def test_msgpack_is_never_longer_than_json() -> None:
    """What `paging` relies on when it measures rows in JSON."""
    for kind in (frames.OrderUpdate, frames.LeaseUpdate, frames.VmUpdate, frames.DirectoryUpdate):
        row = widest(kind)
        assert len(msgspec.msgpack.encode(row)) <= len(msgspec.json.encode(row))
