"""When an instruction is sent again: at its own time, whatever happened to the others."""

from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from exchange.session.instructions import RESEND_MS, Instructions
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.wire.codec import JSON
from exchange.wire.instructions import VmKill

HOSTS = ("h-1", "h-2")
Act: TypeAlias = tuple[str, str, int]
"""What is done (send, confirm, resend), to which instruction, and how much later, in ms."""
ACTS = st.lists(
    st.tuples(
        st.sampled_from(("send", "confirm", "resend")),
        st.sampled_from(("i-1", "i-2", "i-3", "i-4")),
        st.integers(0, 2 * RESEND_MS),
    ),
    max_size=30,
)


def host_of(instruction: str) -> str:
    return HOSTS[int(instruction[-1]) % 2]


@given(ACTS)
def test_each_is_sent_again_five_seconds_after_it_was_last_sent(acts: list[Act]) -> None:
    outbox = Outbox()
    instructions = Instructions(outbox)
    for number, host in enumerate(HOSTS):
        session = Session(number, "", JSON, "test", "trade", 0)
        session.log_in(host, "seller", "trader", host, 0)
        instructions.take_over(session)
    due, now_ms = dict[str, int](), 0
    for act, name, later_ms in acts:
        now_ms += later_ms
        match act:
            case "send":
                stop = VmKill(name, 1, "v-1", 0)
                assert instructions.send(host_of(name), stop, now_ms)
                due[name] = now_ms + RESEND_MS
            case "confirm":
                instructions.confirm(host_of(name), name)
                due.pop(name, None)
            case _:
                instructions.resend(now_ms)
                for each, due_ms in due.items():
                    if due_ms <= now_ms:
                        due[each] = now_ms + RESEND_MS
        assert instructions.next_deadline_ms() == min(due.values(), default=None)
