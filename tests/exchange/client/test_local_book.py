"""The client applies a frame of a book just when the whole book agrees with its checksum."""

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from exchange.client.local_book import CHECKED_LEVELS, LocalBook
from exchange.wire.frames import BookSnapshot, BookUpdate, LevelRow

SYMBOL = "small.eu-de.flat.spot"
ROW = st.tuples(st.integers(1, 30), st.integers(0, 3), st.just(1))
ROWS = st.lists(ROW, max_size=4, unique_by=lambda row: row[0])


def naive(bids: dict[int, int], asks: dict[int, int]) -> int:
    """Return the checksum as the protocol tells it."""
    best = sorted(asks.items())[:CHECKED_LEVELS]
    best += sorted(bids.items(), reverse=True)[:CHECKED_LEVELS]
    return crc32("".join(f"{price}{qty}" for price, qty in best).encode())


def change(levels: dict[int, int], rows: list[LevelRow]) -> None:
    levels.update({price: qty for price, qty, _ in rows})
    for price in [price for price, qty in levels.items() if not qty]:
        del levels[price]


@given(st.lists(st.tuples(ROWS, ROWS, st.integers(0, 9)), max_size=60))
def test_a_frame_is_applied_just_when_the_whole_book_agrees(
    frames: list[tuple[list[LevelRow], list[LevelRow], int]],
) -> None:
    book = LocalBook(SYMBOL)
    bids, asks = dict.fromkeys(range(1, 21), 1), dict.fromkeys(range(11, 31), 1)
    seq = 0
    for bid_rows, ask_rows, luck in [([], [], 0), *frames]:
        seq += 1
        change(bids, bid_rows)
        change(asks, ask_rows)
        checksum = naive(bids, asks)
        if book.seq is None:
            whole = [[(price, qty, 1) for price, qty in side.items()] for side in (bids, asks)]
            snapshot = BookSnapshot(SYMBOL, seq, 0, whole[0], whole[1], checksum)
            assert book.apply(snapshot) == "applied"
            continue
        wrong = luck == 9
        update = BookUpdate(SYMBOL, seq - 1, seq, 0, bid_rows, ask_rows, checksum + wrong)
        assert book.apply(update) == ("gap" if wrong else "applied")
        assert [(row[0], row[1]) for row in book.levels("sell")] == sorted(asks.items()) or wrong
