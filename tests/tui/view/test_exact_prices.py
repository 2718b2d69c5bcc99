"""A price that is finer than its column's decimals is shown whole: rounded it would be another."""

from tests.tui.market import lease, trade
from tui.view.portfolio import leases_table
from tui.view.tape import seen, trade_line
from tui.view.text import Line


def text(line: Line) -> str:
    return "".join(part for part, _, _ in line)


def test_a_lease_of_an_instrument_that_is_forgotten_keeps_its_price() -> None:
    """(Seen to fail: 0.0000 and 0.0001.)"""
    for price_ucr, shown in ((12, "0.000012"), (50, "0.00005"), (31_200, "0.0312")):
        table = leases_table([lease(1, price_ucr=price_ucr)], 100, 4, 0)
        assert f" {shown} " in text(table[1])


def test_a_trade_off_the_tick_of_today_keeps_its_price() -> None:
    line = trade_line(seen(trade(1, 31_250), 1, False), 60, 4, 5)
    assert " 0.03125 " in text(line)
