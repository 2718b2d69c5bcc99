"""What every `Hypervisor` must do: the same tests for the one in memory and for libvirt.

A bench starts domains on one hypervisor and lets time pass in the way that it needs. The tests of
a kind subclass `HypervisorContract` and provide the ``bench`` fixture.
"""

import threading
from typing import Protocol

import pytest

from exchange.wire.types import CONSOLE_LINES_MAX, ToldCapacity
from hostagent.core.ports import (
    DomainSpec,
    DomainState,
    Forward,
    Hypervisor,
    HypervisorError,
    Notes,
    ObservedDomain,
)

HINT_S = 10.0
ONE, OTHER = "contract-1/h-1", "contract-2/h-1"
SHAPE = ToldCapacity(mvcpu=1000, mem_mib=128, disk_mib=64)
IMAGE = "0" * 64
NOTES = Notes(until_ms=7, ready_ms=6, net_rx_total=5, net_tx_total=4)


def spec(vm_id: str, cmdline: str = "", allow_from: tuple[str, ...] = ()) -> DomainSpec:
    return DomainSpec(
        vm_id=vm_id,
        lease_id=f"l-{vm_id}",
        boot=f"boot-{vm_id}",
        shape=SHAPE,
        image=IMAGE,
        cmdline=cmdline,
        ports=(80,),
        allow_from=allow_from,
        until_ms=1_800_000_000_000,
    )


class Bench(Protocol):
    """A hypervisor of its own kind; ``prefix`` keeps the VM ids of a test apart from others.

    ``has_console``: its guests write to one, and name themselves there.
    """

    hypervisor: Hypervisor
    prefix: str
    has_console: bool
    states: tuple[DomainState, ...]
    """Those in which somebody on the server, or an accident, can leave a domain of this kind."""

    def start(self, wanted: DomainSpec) -> tuple[Forward, ...]:
        """Start a domain from the bench's image; returns its forwards."""

    def until_ready(self, vm_id: str) -> None:
        """Wait until the guest accepts connections; an `AssertionError` after a while."""

    def until_stopped(self, vm_id: str) -> None:
        """Wait until the domain is seen to run no more."""

    def end(self, vm_id: str) -> None:
        """End the domain as somebody else on the server may."""

    def bring(self, vm_id: str, state: DomainState) -> None:
        """Bring a running domain into one of ``states``, or a paused one back to running."""

    def reopen(self) -> None:
        """Replace ``hypervisor`` by one that knows nothing, as after an agent's restart."""


class HypervisorContract:
    def test_a_started_domain_is_seen_as_it_was_ordered(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1", allow_from=("10.0.0.0/8", "::1/128"))
        forwards = bench.start(wanted)
        seen = the(bench, wanted.vm_id)
        assert (seen.spec, seen.state, seen.forwards) == (wanted, "running", forwards)
        assert seen.notes == Notes()
        assert wanted.vm_id in bench.hypervisor.all_vm_ids()

    @pytest.mark.parametrize(
        "cmdline",
        [
            "a=1,b=2",
            "\"'<&>]]>",
            "</cmdline><cmdline>",
            "${x} $(y) %s {0} \\",
            "x,file=/etc/passwd",
        ],
    )
    def test_text_that_could_be_markup_stays_text(self, bench: Bench, cmdline: str) -> None:
        wanted = spec(f"{bench.prefix}1", cmdline=cmdline)
        bench.start(wanted)
        assert the(bench, wanted.vm_id).spec == wanted

    @pytest.mark.parametrize("vm_id", ["", "../x", "a/b", "a,b", "a b", "<a>", "-a", "a" * 65])
    def test_an_id_that_is_no_plain_word_is_refused(self, bench: Bench, vm_id: str) -> None:
        with pytest.raises(HypervisorError):
            bench.start(spec(vm_id))

    def test_a_control_character_in_the_command_line_is_refused(self, bench: Bench) -> None:
        with pytest.raises(HypervisorError) as raised:
            bench.start(spec(f"{bench.prefix}1", cmdline="a\nb"))
        assert raised.value.reason == "cmdline_invalid"

    def test_the_same_vm_does_not_start_twice(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1")
        bench.start(wanted)
        with pytest.raises(HypervisorError):
            bench.start(wanted)
        assert the(bench, wanted.vm_id).state == "running"

    def test_domains_are_seen_in_the_order_of_their_ids(self, bench: Bench) -> None:
        ids = [f"{bench.prefix}{number}" for number in (3, 1, 2)]
        for vm_id in ids:
            bench.start(spec(vm_id))
        assert [seen.spec.vm_id for seen in mine(bench)] == sorted(ids)

    def test_counters_never_go_back(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1")
        bench.start(wanted)
        before, after = the(bench, wanted.vm_id).reading, the(bench, wanted.vm_id).reading
        assert before is not None
        assert after is not None
        assert (before.at_ms, before.cpu_ms_total) <= (after.at_ms, after.cpu_ms_total)
        assert before.mem_mib == SHAPE.mem_mib

    def test_a_destroyed_domain_leaves_nothing(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1")
        bench.start(wanted)
        bench.hypervisor.destroy(wanted.vm_id)
        assert mine(bench) == []
        bench.start(wanted)
        assert the(bench, wanted.vm_id).state == "running"

    def test_a_domain_in_any_state_is_itself_and_can_be_removed(self, bench: Bench) -> None:
        """Not running: it counts nothing, serves nobody, keeps its notes and its id."""
        wanted = spec(f"{bench.prefix}1")
        for state in bench.states:
            forwards = bench.start(wanted)
            bench.bring(wanted.vm_id, state)
            bench.hypervisor.keep_notes(wanted.vm_id, NOTES)
            if state != "held":  # one that is paused may power off once it goes on
                bench.hypervisor.shutdown(wanted.vm_id)
            expected = ObservedDomain(wanted, state, forwards, NOTES)
            assert the(bench, wanted.vm_id) == expected
            assert not bench.hypervisor.guest_accepts(wanted.vm_id)
            bench.hypervisor.console(wanted.vm_id, 9)
            with pytest.raises(HypervisorError):
                bench.start(wanted)
            assert the(bench, wanted.vm_id) == expected
            bench.hypervisor.destroy(wanted.vm_id)
            assert mine(bench) == []

    def test_a_paused_domain_goes_on(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1")
        bench.start(wanted)
        bench.bring(wanted.vm_id, "held")
        assert the(bench, wanted.vm_id).state == "held"
        bench.bring(wanted.vm_id, "running")
        seen = the(bench, wanted.vm_id)
        assert (seen.state, seen.reading is None) == ("running", False)

    def test_only_the_domains_of_ones_owner_are_ours(self, bench: Bench) -> None:
        """What an older agent started, which named no owner, counts for every owner."""
        old, new = spec(f"{bench.prefix}1"), spec(f"{bench.prefix}2")
        hypervisor = bench.hypervisor
        bench.start(old)
        assert [hypervisor.own(ONE), hypervisor.own(ONE)] == [True, False]
        bench.start(new)
        assert [seen.spec for seen in mine(bench)] == [old, new]
        assert hypervisor.own(OTHER)
        assert [seen.spec for seen in mine(bench)] == [old]
        assert {old.vm_id, new.vm_id} <= hypervisor.all_vm_ids()
        for call in (hypervisor.destroy, hypervisor.shutdown):
            call(new.vm_id)
        hypervisor.keep_notes(new.vm_id, NOTES)
        assert not hypervisor.guest_accepts(new.vm_id)
        assert hypervisor.console(new.vm_id, 9) is None
        bench.start(new)
        hypervisor.destroy(new.vm_id)
        assert hypervisor.own(ONE)
        left = the(bench, new.vm_id)
        assert (left.spec, left.state, left.notes) == (new, "running", Notes())
        assert (hypervisor.console(new.vm_id, 9) is not None) == bench.has_console
        hypervisor.destroy(new.vm_id)
        assert [seen.spec for seen in mine(bench)] == [old]

    def test_nobody_is_told_of_anything_after_the_end(self, bench: Bench) -> None:
        wanted, told = spec(f"{bench.prefix}1"), threading.Event()
        bench.start(wanted)
        bench.hypervisor.watch(told.set)
        bench.reopen()
        told.clear()
        bench.end(wanted.vm_id)
        assert the(bench, wanted.vm_id).state != "running"
        assert not told.is_set()

    def test_what_is_not_there_is_left_in_peace(self, bench: Bench) -> None:
        nobody = f"{bench.prefix}9"
        bench.hypervisor.destroy(nobody)
        bench.hypervisor.shutdown(nobody)
        bench.hypervisor.keep_notes(nobody, NOTES)
        assert not bench.hypervisor.guest_accepts(nobody)
        assert bench.hypervisor.console(nobody, 9) is None
        assert mine(bench) == []

    def test_notes_are_kept_and_replaced(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1")
        bench.start(wanted)
        bench.hypervisor.keep_notes(wanted.vm_id, Notes(ready_ms=1))
        bench.hypervisor.keep_notes(wanted.vm_id, NOTES)
        seen = the(bench, wanted.vm_id)
        assert (seen.notes, seen.spec) == (NOTES, wanted)

    def test_an_agent_that_knows_nothing_finds_everything(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1")
        forwards = bench.start(wanted)
        bench.hypervisor.keep_notes(wanted.vm_id, NOTES)
        bench.reopen()
        seen = the(bench, wanted.vm_id)
        found = (seen.spec, seen.state, seen.forwards, seen.notes)
        assert found == (wanted, "running", forwards, NOTES)

    def test_what_somebody_does_to_a_domain_is_hinted_at(self, bench: Bench) -> None:
        wanted, told = spec(f"{bench.prefix}1"), threading.Event()
        bench.start(wanted)
        bench.hypervisor.watch(told.set)
        bench.end(wanted.vm_id)
        assert told.wait(HINT_S)
        assert the(bench, wanted.vm_id).state != "running"

    def test_a_guest_becomes_ready_powers_off_and_stays_to_be_found(self, bench: Bench) -> None:
        wanted = spec(f"{bench.prefix}1", cmdline="quiet")
        bench.start(wanted)
        bench.until_ready(wanted.vm_id)
        bench.bring(wanted.vm_id, "held")
        assert not bench.hypervisor.guest_accepts(wanted.vm_id), "a paused guest serves nobody"
        bench.bring(wanted.vm_id, "running")
        bench.hypervisor.shutdown(wanted.vm_id)
        bench.until_stopped(wanted.vm_id)
        seen = the(bench, wanted.vm_id)
        assert (seen.spec, seen.state, seen.reading) == (wanted, "stopped", None)
        assert not bench.hypervisor.guest_accepts(wanted.vm_id)
        check_console(bench, wanted.vm_id)
        bench.hypervisor.destroy(wanted.vm_id)
        assert mine(bench) == []
        assert bench.hypervisor.console(wanted.vm_id, 9) is None


def check_console(bench: Bench, vm_id: str) -> None:
    """What a guest that has powered off wrote is still there, its last lines first to be had."""

    def read(vm_id: str, lines: int) -> str | None:
        seen = bench.hypervisor.console(vm_id, lines)
        return None if seen is None else seen.text

    whole = read(vm_id, CONSOLE_LINES_MAX)
    if not bench.has_console:
        assert whole is None
        return
    assert whole is not None
    assert vm_id in whole
    lines = whole.split("\n")
    assert len(lines) > 1
    assert [read(vm_id, 1), read(vm_id, 2)] == [lines[-1], "\n".join(lines[-2:])]
    begun = bench.hypervisor.console(vm_id, 2, "")
    assert begun is not None
    assert begun.text == "\n".join(lines[-2:])
    more = bench.hypervisor.console(vm_id, 2, begun.next)
    assert more is not None
    assert more.text in ("", "\n"), "it has said no more since, perhaps its line's end"


def mine(bench: Bench) -> list[ObservedDomain]:
    seen = bench.hypervisor.observe()
    return [domain for domain in seen if domain.spec.vm_id.startswith(bench.prefix)]


def the(bench: Bench, vm_id: str) -> ObservedDomain:
    """Return the one domain of that id."""
    (found,) = [domain for domain in mine(bench) if domain.spec.vm_id == vm_id]
    return found
