"""What a standby does next, as a table, and two processes that share a lease, as a law."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.standby.takeover import Agreement, Seen, Step, step


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (Seen(), "take"),
        (Seen(agreement="same"), "take"),
        (Seen(read=5), "follow"),
        (Seen(leads=True, read=5), "follow"),
        (Seen(leads=True), "serve"),
        (Seen(agreement="same", leads=True), "serve"),
        (Seen(agreement="different"), "end"),
        (Seen(agreement="different", leads=True), "end"),
        (Seen(agreement="different", read=5), "end"),
        (Seen(asked_to_stop=True), "end"),
        (Seen(asked_to_stop=True, leads=True), "end"),
        (Seen(asked_to_stop=True, read=5), "end"),
    ],
)
def test_what_a_standby_does_next(seen: Seen, wanted: Step) -> None:
    assert step(seen) == wanted


@dataclass
class Journal:
    """Rows and the lease on them; ``holder``: the number of who may write."""

    rows: int = 0
    holder: int | None = 0


@dataclass
class Process:
    number: int
    read: int = 0
    agreement: Agreement = "unknown"
    leads: bool = False
    serves: bool = False
    ended: bool = False
    served_with: list[int] = field(default_factory=list)

    def turn(self, journal: Journal) -> None:
        found, self.read = journal.rows - self.read, journal.rows
        match step(Seen(self.agreement, self.leads, found)):
            case "take" if journal.holder is None:
                journal.holder, self.leads = self.number, True
            case "serve":
                self.serves = True
                self.served_with.append(self.read)
            case "end":
                self.ended = True
            case _:
                pass


MOVES = st.sampled_from(["leader writes", "leader dies", "differs", "turn 1", "turn 2"])


@given(st.lists(MOVES, max_size=40))
def test_who_serves_has_the_lease_every_row_and_a_state_like_the_leaders(moves: list[str]) -> None:
    journal = Journal()
    standbys = {"turn 1": Process(1), "turn 2": Process(2)}
    for move in moves:
        if move == "leader writes" and journal.holder == 0:
            journal.rows += 1
        elif move == "leader dies" and journal.holder == 0:
            journal.holder = None
        elif move == "differs":
            standbys["turn 1"].agreement = "different"
        elif move in standbys and not (standbys[move].ended or standbys[move].serves):
            standbys[move].turn(journal)
            if standbys[move].serves:
                assert journal.holder == standbys[move].number
                assert standbys[move].served_with == [journal.rows]
                assert standbys[move].agreement != "different"
    assert sum(standby.serves for standby in standbys.values()) <= 1
