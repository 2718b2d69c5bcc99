"""The book folds what the link passes on."""

from tests.tui.market import book, snapshot, update


def test_an_update_changes_levels_and_zero_deletes() -> None:
    view = book({31_000: 5, 30_900: 7}, {31_200: 3})
    view.apply(update([(31_000, 9, 1), (30_900, 0, 0), (1, 0, 0)], [(31_300, 1, 1)]))
    assert (view.bids, view.asks) == ({31_000: 9}, {31_200: 3, 31_300: 1})
    assert (view.best_bid_ucr, view.best_ask_ucr) == (31_000, 31_200)


def test_a_snapshot_replaces_everything_and_empty_sides_have_no_best() -> None:
    view = book({31_000: 5}, {31_200: 3})
    view.reset(snapshot({}, {}))
    assert (view.best_bid_ucr, view.best_ask_ucr) == (None, None)
