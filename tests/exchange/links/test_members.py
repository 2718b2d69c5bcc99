"""Members of groups at a door; `tests/exchange/gateway/test_entries.py` has the law."""

from exchange.links.members import Members

BOOK, TICKER = 1, 2


def three() -> Members[bytes]:
    members = Members[bytes]()
    for session in (1, 2, 3):
        members.enter(session, session % 2)
        members.join(BOOK, session)
    return members


def test_a_frame_is_one_object_for_all_of_a_codec() -> None:
    members = three()
    members.show(BOOK, {0: b"json", 1: b"pack"})
    sent = members.take()
    assert sent == {1: [b"pack"], 3: [b"pack"], 2: [b"json"]}
    assert sent[1][0] is sent[3][0]
    assert list(sent) == [1, 3, 2], "those with the same bytes follow each other"
    assert members.take() == {}


def test_what_comes_for_one_keeps_its_place() -> None:
    members = three()
    members.one(2, [b"a"])
    members.show(BOOK, {0: b"b", 1: b"B"})
    members.leave(BOOK, 2)
    members.show(BOOK, {1: b"C"})
    members.one(2, [b"c", b"d"])
    assert members.take_of(2) == [b"a", b"b", b"c", b"d"]
    assert members.take() == {1: [b"B", b"C"], 3: [b"B", b"C"]}


def test_sessions_of_other_doors_are_ignored() -> None:
    members = three()
    members.drop(3)
    for session in (3, 4):
        members.join(BOOK, session)
        members.one(session, [b"x"])
        members.leave(BOOK, session)
        members.drop(session)
    members.show(TICKER, {0: b"y"})
    members.show(BOOK, {0: b"b", 1: b"B"})
    assert members.take() == {1: [b"B"], 2: [b"b"]}


def test_the_last_one_takes_the_group_along() -> None:
    members = three()
    members.leave(BOOK, 1)
    members.leave(BOOK, 1)
    members.drop(3)
    members.show(BOOK, {0: b"b"})
    assert members.take() == {2: [b"b"]}
    members.clear()
    members.show(BOOK, {})
    assert members.take() == {}
    members.join(BOOK, 2)
    members.show(BOOK, {0: b"c"})
    assert members.take() == {2: [b"c"]}
