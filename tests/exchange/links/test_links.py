"""The links: whatever happens to the messages, a door passes on a prefix of what the writer said.

The oracle is one list: what the writer said, in its order, without what is for other doors. Planted
bugs that these laws find: a message taken though one before it is missing, public entries passed on
as they come, `Seen` not heeded, ``follows`` not heeded, a piece taken for a whole body.
"""

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.links import messages
from exchange.links.entries import Bye, Knock, Said, Seen, Sent, Shown, Welcome, encode, from_door
from exchange.links.merge import Merge, Passed
from exchange.links.messages import (
    SILENT_BEATS,
    SUBJECT_PUBLIC,
    BrokenLinkError,
    Inward,
    Outward,
    Public,
    Receiver,
    decoded,
    encoded,
    out_subject,
    pieces,
)
from exchange.links.outgoing import Message, Outgoing

RUNS: Final = ("a", "b")
MINE: Final = "a"
Act: TypeAlias = tuple[str, int]

acts = st.lists(
    st.tuples(st.sampled_from(["a", "b", "all", "flush", "beat", "took"]), st.integers(0, 20)),
    max_size=20,
)


def said(did: list[Act]) -> tuple[list[Message], list[Passed]]:
    """Return what a writer that did this publishes, and what door `MINE` is to pass on."""
    writer = Outgoing("w", 7)
    sent: list[Message] = []
    expected: list[Passed] = []
    for run in RUNS:
        writer.open(run, "url")
    expected.append(Welcome(0, 0, "url"))
    for number, (what, size) in enumerate(did):
        match what:
            case "flush" | "beat":
                sent += writer.flush(beat=what == "beat")
            case "took":
                writer.took("a", number)
            case "all":
                shown = Shown(number, {0: b"x" * size})
                writer.public(shown)
                expected.append(shown)
            case _:
                entry = Sent(number, [b"y" * size])
                writer.private(what, entry)
                expected += [entry] if what == MINE else []
    return sent + writer.flush(beat=True), expected


def heard(arriving: list[Message]) -> tuple[list[Passed], bool]:
    """Return what the door passes on of these messages, and whether the link broke."""
    merge, passed = Merge(MINE), list[Passed]()
    try:
        for subject, data in arriving:
            if subject == SUBJECT_PUBLIC:
                passed += merge.public(decoded(data, Public))
            elif subject == out_subject(MINE):
                passed += merge.outward(decoded(data, Outward))
    except BrokenLinkError:
        return passed, True
    return passed, False


def shuffled_subjects(sent: list[Message], seed: int) -> list[Message]:
    """Delay whole subjects against each other; each keeps its order."""
    draw = Random(seed)
    queues = {subject: [each for each in sent if each[0] == subject] for subject, _ in sent}
    found = []
    while queues := {subject: queue for subject, queue in queues.items() if queue}:
        found.append(queues[draw.choice(sorted(queues))].pop(0))
    return found


def faulty(sent: list[Message], faults: list[tuple[str, int]]) -> list[Message]:
    found = list(sent)
    for kind, at in faults:
        if not found:
            break
        index = at % len(found)
        match kind:
            case "drop":
                del found[index]
            case "double":
                found.insert(index, found[index])
            case "late":
                found.insert(min(len(found), index + 1 + at % 5), found.pop(index))
            case "cut":
                del found[index:]
            case _:
                subject, data = found[index]
                found[index] = (subject, data[: at % max(1, len(data))])
    return found


@given(acts, st.integers(), st.sampled_from([7, 512 * 1024]))
def test_all_arrives_in_order_however_the_subjects_are_delayed(
    did: list[Act], seed: int, piece: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "PIECE_BYTES", piece)
        sent, expected = said(did)
    assert heard(shuffled_subjects(sent, seed)) == (expected, False)


@given(
    acts,
    st.integers(),
    st.sampled_from([5, 512 * 1024]),
    st.lists(
        st.tuples(
            st.sampled_from(["drop", "double", "late", "cut", "garble"]), st.integers(0, 10_000)
        ),
        max_size=4,
    ),
)
def test_what_is_lost_doubled_late_or_garbled_is_never_a_hole(
    did: list[Act], seed: int, piece: int, faults: list[tuple[str, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "PIECE_BYTES", piece)
        sent, expected = said(did)
    arriving = faulty(shuffled_subjects(sent, seed), faults)
    passed, broke = heard(arriving)
    assert passed == expected[: len(passed)]
    mine = [each for each in arriving if each[0] != out_subject("b")]
    whole = [each for each in sent if each[0] != out_subject("b")]
    if not broke and sorted(mine) == sorted(whole):
        assert passed == expected


@given(acts, st.integers(0, 200))
def test_a_missing_message_is_noticed_with_the_next_of_its_subject(did: list[Act], at: int) -> None:
    sent, _ = said([*did, ("beat", 0)])
    mine = [each for each in sent if each[0] != out_subject("b")]
    index = at % len(mine)
    later = any(each[0] == mine[index][0] for each in mine[index + 1 :])
    before = [subject for subject, _ in mine[:index]]
    _, broke = heard(mine[:index] + mine[index + 1 :])
    # A public message before the welcome is none of ours.
    assert broke or not later or out_subject(MINE) not in before


def test_a_door_that_comes_later_begins_with_what_follows() -> None:
    writer = Outgoing("w", 1)
    writer.public(Shown(1, {0: b"before"}))
    sent = writer.flush()
    writer.public(Shown(1, {0: b"in the turn"}))
    writer.open(MINE, "url")
    writer.public(Shown(1, {0: b"after"}))
    passed, broke = heard(sent + writer.flush())
    groups = [each.frames[0] for each in passed if isinstance(each, Shown)]
    assert (groups, broke) == ([b"in the turn", b"after"], False)


def welcomed(epoch: int = 3) -> Merge:
    merge = Merge(MINE)
    body = encode([Welcome(4, 9, "url")])
    merge.outward(Outward(MINE, "w", epoch, 1, False, 0, body))
    return merge


def beats(merge: Merge, count: int) -> None:
    for _ in range(count):
        merge.beat()


def public(writer: str, epoch: int, number: int) -> Public:
    return Public(writer, epoch, number, False, [], encode([Shown(1, {})]))


def outward(writer: str, number: int, body: bytes = b"\x90") -> Outward:
    return Outward(MINE, writer, 3, number, False, 0, body)


@pytest.mark.parametrize(
    "breaks",
    [
        lambda merge: merge.public(public("w", 3, 6)),
        lambda merge: merge.public(public("w", 3, 4)),
        lambda merge: merge.public(public("v", 4, 1)),
        lambda merge: merge.public(public("v", 3, 1)),
        lambda merge: merge.outward(outward("w", 3)),
        lambda merge: merge.outward(outward("w", 1)),
        lambda merge: merge.outward(outward("v", 2)),
        lambda merge: merge.outward(outward("w", 0)),
        lambda merge: merge.outward(outward("w", 2, b"\xc1")),
        lambda merge: merge.outward(outward("w", 2, b"\x91\x01")),
        lambda merge: beats(merge, SILENT_BEATS + 1),
    ],
    ids=[
        "hole",
        "double",
        "take-over",
        "twin",
        "gap",
        "again",
        "two-answers",
        "unknown",
        "garbled",
        "no-entry",
        "silent",
    ],
)
def test_what_ends_a_run(breaks: Callable[[Merge], object]) -> None:
    with pytest.raises(BrokenLinkError):
        breaks(welcomed())


@pytest.mark.parametrize(
    "harmless",
    [
        lambda merge: merge.public(public("v", 2, 1)),
        lambda merge: merge.outward(Outward("z", "w", 3, 9, False, 0, b"")),
        lambda merge: beats(merge, SILENT_BEATS),
    ],
    ids=["a writer that was replaced", "of another run", "just in time"],
)
def test_what_does_not(harmless: Callable[[Merge], object]) -> None:
    merge = welcomed()
    assert not harmless(merge)
    assert merge.public(public("w", 3, 5)) == [Shown(1, {})]


def test_a_subject_that_is_silent_ends_a_run_though_the_other_speaks() -> None:
    merge = welcomed()
    beats(merge, SILENT_BEATS)
    merge.outward(outward("w", 2))
    with pytest.raises(BrokenLinkError):
        merge.beat()


def test_first_of_all_comes_a_welcome() -> None:
    with pytest.raises(BrokenLinkError):
        Merge(MINE).outward(outward("w", 1, encode([Seen(1)])))


def test_a_door_waits_for_the_welcome_only_so_long() -> None:
    merge = Merge(MINE)
    beats(merge, SILENT_BEATS)
    with pytest.raises(BrokenLinkError):
        merge.beat()


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 30))
def test_pieces_become_the_body_again(bodies: list[bytes], size: int) -> None:
    receiver, number, found = Receiver(0), 0, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "PIECE_BYTES", size)
        for body in bodies:
            for piece, more in pieces(body):
                number += 1
                assert len(piece) <= size
                took = receiver.take(Inward("r", "w", number, more, piece))
                assert (took is None) is more
                found += [] if took is None else [took]
    assert found == bodies


def test_a_body_has_a_bound() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "BODY_MAX_BYTES", 10)
        receiver = Receiver(0)
        assert receiver.take(Inward("r", "w", 1, True, b"123456")) is None
        with pytest.raises(BrokenLinkError):
            receiver.take(Inward("r", "w", 2, True, b"123456"))


def test_what_a_door_says_is_read_as_it_was_said() -> None:
    entries = [Knock("door", 3), Said(1, [b"{}", b"\x80"]), Bye()]
    message = Inward("r", "w", 1, False, encode(entries))
    assert decoded(encoded(message), Inward) == message
    assert from_door(message.body) == entries


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x01", b"{}"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenLinkError):
        decoded(data, Inward)


def test_the_writer_says_when_it_does_not_know_a_run() -> None:
    subject, data = Outgoing("w", 1).unknown(MINE)
    assert subject == out_subject(MINE)
    with pytest.raises(BrokenLinkError):
        welcomed().outward(decoded(data, Outward))


def test_a_run_that_is_over_is_sent_nothing() -> None:
    writer = Outgoing("w", 1)
    writer.open(MINE, "url")
    writer.close(MINE)
    writer.private(MINE, Sent(1, [b"x"]))
    assert writer.flush() == []
