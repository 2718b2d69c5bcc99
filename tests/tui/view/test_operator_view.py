"""The operator's lists, forms and questions, as tables."""

import pytest

from exchange.wire import admin_requests as admin
from exchange.wire.types import Request
from tui.view import operator_acts as acts
from tui.view.figures import figure_rows, percentile, samples
from tui.view.operator_rows import account_rows, application_rows
from tui.view.request_form import RequestForm, filled, shown
from tui.view.table import Row

PAGE = """# HELP headroom_queue_depth Work
headroom_queue_depth 3.0
headroom_disk_level{level="ok"} 0.0
headroom_disk_level{level="cancel_only"} 1.0
headroom_disk_free_bytes 5.36870912e+08
headroom_quarantined_requests 2.0
headroom_hosts{status="silent"} 1.0
headroom_journal_commit_seconds_bucket{le="0.001"} 90.0
headroom_journal_commit_seconds_bucket{le="0.005"} 99.0
headroom_journal_commit_seconds_bucket{le="+Inf"} 100.0
headroom_requests_total{outcome="internal",type="order.place"} 1.0
this is no sample
"""


def test_the_page_of_figures_as_rows() -> None:
    said = {row.key: [cell.text for cell in row.cells] for row in figure_rows(samples(PAGE))}
    assert said["disk"] == ["! disk", "0.5 GiB free", "nearly full: only cancels are taken"]
    assert said["quarantine"][:2] == ["! quarantine", "2"]
    assert said["queue"][:2] == ["queue", "3"]
    assert said["commit p99"][1] == "<= 5 ms"
    assert said["hosts silent"][:2] == ["! hosts silent", "1"]
    assert said["internal errors"][:2] == ["! internal errors", "1"]


def test_a_percentile_of_nothing_and_of_values_beyond_the_last_bound() -> None:
    bound = frozenset({("le", "+Inf")})
    assert percentile({}, 0.99) is None
    assert percentile({bound: 0.0}, 0.99) is None
    assert percentile({bound: 5.0}, 0.99) == float("inf")


def test_a_stopped_account_says_so() -> None:
    rows = account_rows(
        {
            "shop": {"available_ucr": 1_000_000, "held_ucr": 0, "killed": "account"},
            "fees": {"available_ucr": 5, "held_ucr": 0},
        }
    )
    assert [row.cells[3].text for row in rows] == ["! stopped: kill switch", "the exchange's fees"]


WAITING = {
    "application": "a-1-1",
    "name": "The Shop\x1b[31m",
    "contact": "a@b.c",
    "public_key": "k",
    "side": "both",
    "at_ms": 1_000,
}


def test_an_applicants_name_cannot_write_to_the_terminal() -> None:
    row = application_rows([WAITING], 61_000)[0]
    assert [cell.text for cell in row.cells[1:5]] == [
        "The Shop\ufffd[31m",
        "a@b.c",
        "rent, let",
        "1m 00s",
    ]
    form = acts.approval(row)
    assert form is not None
    assert [field.value for field in form.fields] == ["the-shop-31m", "the-shop-31m-1"]


NOBODY: Row | None = None
FORMS: list[tuple[RequestForm, dict[str, str], Request | str]] = [
    (
        acts.deposit(NOBODY),
        {"account": "shop", "amount_ucr": "-12.5", "ref": "b-1"},
        admin.AdminDeposit(req_id=1, account="shop", amount_ucr=-12_500_000, ref="b-1"),
    ),
    (
        acts.deposit(NOBODY),
        {"account": "shop", "amount_ucr": "0,04", "ref": "b-1"},
        "credits: '0,04' is not an amount in credits such as 50 or 0.031",
    ),
    (
        acts.deposit(NOBODY),
        {"account": "shop", "amount_ucr": "1 000", "ref": "b-1"},
        "credits: '1 000' is not an amount in credits such as 50 or 0.031",
    ),
    (
        acts.deposit(NOBODY),
        {"account": "shop", "amount_ucr": "-", "ref": "b-1"},
        "credits: '-' is not an amount in credits such as 50 or 0.031",
    ),
    (
        acts.deposit(NOBODY),
        {"account": "", "amount_ucr": "1", "ref": "b-1"},
        "account: needed",
    ),
    (
        acts.limits(NOBODY),
        {
            "account": "shop",
            "max_qty": "",
            "max_notional_ucr": "1.5",
            "max_open_orders": "0",
            "orders_per_s": "1_0",
        },
        "orders a second: '1_0' is not a whole number",
    ),
    (
        acts.zone(NOBODY),
        {"zone": "eu-fr", "country": "FR", "accel": "kvm, tcg"},
        admin.AdminZone(req_id=1, zone="eu-fr", country="FR", accel=["kvm", "tcg"]),
    ),
    (
        acts.key(NOBODY),
        {
            "account": "shop",
            "key_id": "k",
            "public_key": "A" * 43 + "=",
            "role": "trader",
            "not_after_ms": "2027-01-01",
        },
        admin.AdminKey(
            req_id=1,
            account="shop",
            key_id="k",
            public_key="A" * 43 + "=",
            role="trader",
            not_after_ms=1_798_761_600_000,
        ),
    ),
]


@pytest.mark.parametrize(("form", "texts", "made"), FORMS)
def test_what_a_form_makes_of_texts(
    form: RequestForm, texts: dict[str, str], made: Request | str
) -> None:
    assert filled(form, texts) == made


def test_what_a_message_does_not_allow_is_told_by_the_fields_title() -> None:
    said = filled(acts.zone(NOBODY), {"zone": "eu-fr", "country": "France", "accel": "kvm"})
    assert isinstance(said, str)
    assert said.startswith("country: ")


def test_a_form_says_what_its_request_does_or_what_is_wrong() -> None:
    form = shown(acts.deposit(NOBODY), lambda made: acts.question(made, {})[0])
    assert form.check({"account": "shop", "amount_ucr": "0,04", "ref": "b"}).ok is False
    checked = form.check({"account": "shop", "amount_ucr": "5", "ref": "b"})
    assert checked == (True, "Book 5.0000 into shop?")


QUESTIONS: list[tuple[Request, str, str]] = [
    (
        admin.AdminDeposit(req_id=1, account="shop", amount_ucr=-5_000_000, ref="r"),
        "Book 5.0000 out of shop?",
        "Available: 10.0000, then 5.0000.",
    ),
    (
        admin.AdminKillSwitch(req_id=1, enabled=True),
        "Cancel all orders of everybody?",
        "New ones are refused until you lift it. Leases and VMs go on.",
    ),
    (
        admin.AdminHalt(req_id=1, halted=True, symbol="s"),
        "Halt the market s?",
        "Nothing trades until you resume it; orders and leases stay.",
    ),
    (
        admin.AdminLimits(req_id=1, account="shop", max_qty=0, max_notional_ucr=1_500_000),
        "Limit shop: units an order 0, credits an order 1.5000?",
        "Orders in the book stay.",
    ),
]


@pytest.mark.parametrize(("message", "what", "more"), QUESTIONS)
def test_each_act_asks_what_it_does(message: Request, what: str, more: str) -> None:
    balances = {"shop": {"available_ucr": 10_000_000, "held_ucr": 0}}
    assert acts.question(message, balances) == (what, more)


def test_every_request_of_the_operator_has_a_question_and_an_outcome() -> None:
    key = "A" * 43 + "="
    messages: list[Request] = [
        admin.AdminApprove(req_id=1, application="a", account="s", key_id="k"),
        admin.AdminDecline(req_id=1, application="a"),
        admin.AdminAccount(req_id=1, account="s", name="S"),
        admin.AdminKey(req_id=1, account="s", key_id="k", public_key=key, role="trader"),
        admin.AdminKeyRevoke(req_id=1, key_id="k"),
        admin.AdminZone(req_id=1, zone="z", country="DE", accel=["kvm"]),
        admin.AdminInstrument(req_id=1, symbol="s", tick_ucr=5),
    ]
    for message in messages:
        assert all(acts.question(message, {}))
        assert acts.done(message, {})
