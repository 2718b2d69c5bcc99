"""The client's book rule: apply, ignore, or ask for a snapshot."""

from zlib import crc32

from tests.tui.market import SYMBOL, book, snapshot, update
from tui.view.book import checksum
from tui.view.model import Model

BIDS, ASKS = {31_000: 5, 30_900: 7}, {31_200: 3}


def test_the_checksum_is_the_protocols() -> None:
    assert checksum(BIDS, ASKS) == crc32(b"312003" + b"310005" + b"309007")


def test_an_update_in_order_changes_levels_and_zero_deletes() -> None:
    view = book(BIDS, ASKS)
    after = checksum({31_000: 9}, {31_200: 3, 31_300: 1})
    frame = update(1, 4, [(31_000, 9, 1), (30_900, 0, 0)], [(31_300, 1, 1)], after)
    assert view.apply(frame) == "changed"
    assert (view.bids, view.asks, view.seq) == ({31_000: 9}, {31_200: 3, 31_300: 1}, 4)


def test_an_old_update_is_ignored_and_a_gap_is_a_gap() -> None:
    view = book(BIDS, ASKS)
    assert view.apply(update(0, 1, [], [], 0)) == "ignored"
    assert view.apply(update(2, 3, [], [], 0)) == "gap"


def test_a_wrong_checksum_is_a_gap() -> None:
    assert book(BIDS, ASKS).apply(update(1, 2, [], [], 1)) == "gap"


def test_the_model_asks_once_for_a_snapshot_and_waits_for_it() -> None:
    model = Model()
    model.apply(snapshot(BIDS, ASKS), 0)
    model.apply(update(5, 6, [], [], 0), 0)
    model.apply(update(6, 7, [], [], 0), 0)
    assert model.gaps == [SYMBOL]
    model.gaps.clear()
    model.book(SYMBOL).seq = 0
    model.apply(update(7, 8, [(1, 1, 1)], [], 0), 0)
    assert model.gaps == []
    model.apply(snapshot({30_000: 1}, {}, seq=9), 0)
    assert model.book(SYMBOL).bids == {30_000: 1}
