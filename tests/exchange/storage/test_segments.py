"""Sealed segments as files: written once, listed in order; one line for each that is not right."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from exchange.journal import segment as layout
from exchange.journal.chain import ORIGIN, StoredRow, sealed
from exchange.journal.rows import JournalRow
from exchange.storage import segments
from exchange.storage.segments import Segment, SpoiltSegmentError, chain_of, listed, rows, write

ROWS: Final = sealed(ORIGIN, [JournalRow(n, 1_000 + n, b"body-%d" % n) for n in range(1, 101)])
EACH: Final = 40


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Segment]:
    """Two segments of 40 rows, each in blocks of 16."""
    monkeypatch.setattr(layout, "BLOCK_ROWS", 16)
    return [part(tmp_path, first) for first in (1, 1 + EACH)]


def part(data_dir: Path, first: int, count: int = EACH, source: list[StoredRow] = ROWS) -> Segment:
    before = source[first - 2][4] if first > 1 else ORIGIN
    return write(data_dir, first, before, source[first - 1 : first - 1 + count])


def test_rows_are_read_from_anywhere(tmp_path: Path, written: list[Segment]) -> None:
    assert listed(tmp_path) == written
    for behind in range(2 * EACH + 1):
        assert list(rows(written, behind)) == ROWS[behind : 2 * EACH], behind
        assert chain_of(written, behind + 1) == (ROWS[behind][4] if behind < 2 * EACH else None), (
            behind
        )


def test_no_folder_is_no_segment(tmp_path: Path) -> None:
    assert listed(tmp_path) == []
    assert chain_of([], 1) is None


def test_a_draft_is_no_segment(tmp_path: Path, written: list[Segment]) -> None:
    draft = segments.folder(tmp_path) / "000000000081.new"
    draft.write_bytes(b"half")
    assert listed(tmp_path) == written
    segments.drop_drafts(tmp_path)
    assert not draft.exists()


def test_every_changed_byte_is_one_line_with_the_file(
    tmp_path: Path, written: list[Segment]
) -> None:
    path = written[1].path
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 4,)) + whole[at + 1 :])
        with pytest.raises(SpoiltSegmentError) as caught:
            list(rows(listed(tmp_path)))
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value), at


def test_only_whole_blocks_of_sound_rows_are_given(tmp_path: Path, written: list[Segment]) -> None:
    """A damaged block says so before any row of it can be taken for a command."""
    path = written[0].path
    whole = bytearray(path.read_bytes())
    whole[-10] ^= 1
    path.write_bytes(whole)
    given = rows(listed(tmp_path))
    assert [next(given) for _ in range(32)] == ROWS[:32]
    with pytest.raises(SpoiltSegmentError, match="rows 33 to 40 are not what was written"):
        next(given)


def test_a_missing_or_overlapping_or_foreign_one_is_named(
    tmp_path: Path, written: list[Segment]
) -> None:
    first, second = (segment.path for segment in written)
    aside = tmp_path / "aside"
    shutil.move(first, aside)
    with pytest.raises(SpoiltSegmentError, match=f"{second.name}: begins with row 41, but rows 1 "):
        listed(tmp_path)
    shutil.move(aside, first)
    other = part(tmp_path, 41, 10)
    with pytest.raises(SpoiltSegmentError, match="begins with row 41, which another segment has"):
        listed(tmp_path)
    other.path.unlink()
    stranger = sealed(ORIGIN, [JournalRow(n, 5, b"other") for n in range(1, 101)])
    foreign = part(tmp_path, 81, 10, stranger)
    with pytest.raises(SpoiltSegmentError, match=f"{foreign.path.name}: belongs to another journ"):
        listed(tmp_path)


def test_a_cut_off_or_renamed_one_is_named(tmp_path: Path, written: list[Segment]) -> None:
    path = written[1].path
    whole = path.read_bytes()
    for size in (0, 10, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(SpoiltSegmentError, match=f"{path.name}: "):
            listed(tmp_path)
    path.write_bytes(whole)
    path.rename(path.with_name(written[0].path.name.replace("000040", "000041")))
    with pytest.raises(SpoiltSegmentError, match=f"its head is that of {path.name}"):
        listed(tmp_path)
    path.with_name("notes.seg").touch()
    with pytest.raises(SpoiltSegmentError, match=r"notes\.seg: is not named as a segment is"):
        listed(tmp_path)
