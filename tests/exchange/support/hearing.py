"""What a client knows from its account channel alone, checked frame by frame.

`Hearing` folds the frames of every account and asserts the grammar of protocol.md, "Account
channel": numbers without a gap, one ``new`` first, then trades, replaces and one end; quantities
that add up in every frame. The laws then compare what it knows with what the engine has.
"""

from exchange.wire.frames import AccountFrame, BalanceUpdate, LeaseUpdate, OrderUpdate

LIVE = ("new", "partially_filled")
ENDS = {"canceled": "canceled", "expired": "expired"}
"""The status that an exec brings when it ends an order."""


class Hearing:
    """The last frame of every order, lease and balance, and each order's place in its life."""

    def __init__(self) -> None:
        self.account_seq: dict[str, int] = {}
        self.orders: dict[str, OrderUpdate] = {}
        self.live: dict[str, dict[str, OrderUpdate]] = {}
        """By account, then by order id."""
        self.balances: dict[str, BalanceUpdate] = {}
        self.leases: dict[tuple[str, str], LeaseUpdate] = {}
        """By (account, lease id): those that have not ended."""

    def take(self, account: str, frame: AccountFrame) -> None:
        """Fold one frame in; asserts that it may come now."""
        expected = self.account_seq.get(account, 0) + 1
        assert frame.account_seq == expected, f"{account}: expected {expected}, got {frame}"
        self.account_seq[account] = expected
        if isinstance(frame, OrderUpdate):
            self._order(account, frame)
        elif isinstance(frame, BalanceUpdate):
            self.balances[account] = frame
        elif isinstance(frame, LeaseUpdate):
            if frame.state == "ended":
                self.leases.pop((account, frame.lease_id), None)
                assert frame.reason, "an ended lease says why"
            else:
                self.leases[account, frame.lease_id] = frame

    def _order(self, account: str, frame: OrderUpdate) -> None:
        before = self.orders.get(frame.order_id)
        if before is None:
            check_first(frame)
        else:
            check_next(before, frame)
        check_sums(frame)
        self.orders[frame.order_id] = frame
        live = self.live.setdefault(account, {})
        if frame.status in LIVE:
            live[frame.order_id] = frame
        else:
            live.pop(frame.order_id, None)


def check_first(frame: OrderUpdate) -> None:
    """Every accepted order begins with one ``new``, unfilled."""
    assert frame.exec == "new" and frame.status == "new", frame
    assert frame.filled_qty == 0 and frame.leaves_qty == frame.order_qty > 0, frame


def check_next(before: OrderUpdate, frame: OrderUpdate) -> None:
    """What may follow a frame of the same order."""
    assert before.status in LIVE, f"after its end: {frame}"
    same = ("order_id", "client_order_id", "symbol", "side")
    assert all(getattr(before, name) == getattr(frame, name) for name in same), frame
    filled = frame.filled_qty - before.filled_qty
    notional_ucr = frame.filled_notional_ucr - before.filled_notional_ucr
    if frame.exec == "trade":
        assert filled == frame.last_qty and filled > 0, frame
        assert notional_ucr == filled * (frame.last_price_ucr or 0), frame
        assert frame.trade_id and frame.liquidity in ("maker", "taker"), frame
        assert (frame.price_ucr, frame.order_qty) == (before.price_ucr, before.order_qty), frame
        return
    assert filled == notional_ucr == 0, f"only a trade fills: {frame}"
    assert frame.last_qty is None and frame.trade_id is None, frame
    if frame.exec == "replaced":
        assert frame.reason in (None, "self_trade"), frame
        assert frame.status in (*LIVE, "filled"), frame
    else:
        assert frame.status == ENDS[frame.exec], frame
        if frame.exec == "canceled":
            assert frame.reason, frame
        else:
            assert frame.reason in (None, "gate_closed"), frame


def check_sums(frame: OrderUpdate) -> None:
    """``order_qty = filled_qty + leaves_qty`` while live, ``leaves_qty`` 0 when done."""
    if frame.status in LIVE:
        assert frame.order_qty == frame.filled_qty + frame.leaves_qty, frame
        assert frame.leaves_qty > 0, frame
        assert (frame.status == "partially_filled") == (frame.filled_qty > 0), frame
    else:
        assert frame.leaves_qty == 0, frame
        assert frame.status != "filled" or frame.filled_qty == frame.order_qty > 0, frame
