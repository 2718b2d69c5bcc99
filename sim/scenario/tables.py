"""Scenario files, version 1: what a run consists of, as strict Structs.

Units stand in the key names; money is a decimal number of credits and is turned into micro-credits
here, the one place where decimals enter. Reading a file and naming its mistakes is
`scenario_file.py`'s job.
"""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from exchange.units import MAX_QTY, UCR_PER_CREDIT, ucr_from_credits
from exchange.wire.types import Capacity
from manager.core.rule_text import PredictText, RuleText, TrackText
from sim.scenario.workload import Workload

Count: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_QTY)]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, le=10**9)]
Latency: TypeAlias = Annotated[int, Meta(ge=0, le=2000)]
"""A login takes three trips and must be done within 10 s."""
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Credits: TypeAlias = Annotated[float, Meta(ge=0, le=10**9)]
Price: TypeAlias = Annotated[float, Meta(ge=1 / UCR_PER_CREDIT, le=1000)]
LinkMbit: TypeAlias = Annotated[float, Meta(ge=0.001, le=10**6)]
"""Megabits (10^6) per second."""
LABEL: Final = r"^[A-Za-z0-9_.-]+\Z"
LABEL_TEXT: Final = "may have letters, digits and _ . - alone"
Label: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40, pattern=LABEL)]

MetricName: TypeAlias = Literal[
    "slo_violation_pct",
    "cost",
    "theta_under_pct",
    "theta_over_pct",
    "tau_under_pct",
    "tau_over_pct",
    "changes",
    "peak_units",
    "boot_p95_s",
    "fill_wait_p95_s",
    "price_mean",
    "price_max",
    "unfilled_units",
    "seller_revenue",
    "exchange_fees",
    "leases",
    "recalls",
    "penalties",
    "unit_hours",
    "missing_unit_hours",
    "paid_over_best_ask",
    "wind_down_cost",
    "spares_cost",
    "violation_cost",
    "total_cost",
]

Pricing: TypeAlias = Literal["flat", "metered"]

SAME: Final = "same"
"""A farm's policy: the one under test."""

Delivery: TypeAlias = Literal["spot", "window"]
SPOT: Final[Delivery] = "spot"
WINDOW: Final[Delivery] = "window"

DEFAULT_HOST = Capacity(mvcpu=4000, mem_mib=8192, disk_mib=65_536)


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every table: a key that is not known is a mistake, never ignored."""


class Network(Part, frozen=True):
    """Manager or host to exchange, per message."""

    latency_ms: Latency = 20
    jitter_ms: Annotated[int, Meta(ge=0, le=500)] = 5


class Zone(Part, frozen=True):
    name: Label
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] = "DE"


class Farm(Part, frozen=True, rename={"class_": "class"}):
    """The buyer's own servers behind its balancer; ``unit_rps`` is what one unit serves.

    ``pricing`` is what it buys: flat, unless only metered sellers are there. ``policy``: the one
    under test, or the name of that which it keeps in every run.
    """

    account: Label
    zone: str
    class_: str
    core_units: Annotated[int, Meta(ge=0, le=MAX_QTY)]
    unit_rps: Annotated[float, Meta(ge=0.001, le=10**12)]
    slo_util: Annotated[float, Meta(ge=0.001, le=1)] = 0.80
    deposit: Credits = 500.0
    pricing: Pricing | None = None
    workload: Workload | None = None
    policy: str = SAME
    network: Network | None = None


class Boot(Part, frozen=True):
    """Normal boot times, never below ``min_s``; ``fail`` is the share that fails.

    ``image_mib``: what a host loads at ``link_mbit`` before the first VM of a farm starts there.
    """

    mean_s: Annotated[float, Meta(gt=0, le=10**9)] = 90.0
    sd_s: Annotated[float, Meta(ge=0, le=10**9)] = 25.0
    min_s: Annotated[float, Meta(ge=0, le=10**9)] = 30.0
    fail: Share = 0.0
    image_mib: Annotated[int, Meta(ge=0, le=10**6)] = 0
    link_mbit: LinkMbit = 1000.0


class OfferAll(Part, frozen=True, tag_field="kind", tag="all"):
    pass


class OfferFixed(Part, frozen=True, tag_field="kind", tag="fixed"):
    """``units`` of each host."""

    units: Count


class OfferResidual(Part, frozen=True, tag_field="kind", tag="residual"):
    """What the host's own load leaves, while that stands below ``below_pct``."""

    below_pct: Annotated[int, Meta(ge=1, le=100)]


Offer: TypeAlias = OfferAll | OfferFixed | OfferResidual


class Seller(Part, frozen=True, rename={"class_": "class"}):
    """``own_load`` is a share of the host; ``jitter`` the spread of each ask around ``price``.

    ``class_``, ``zone``: the first farm's when left out. ``manager``: a Manager keeps its book
    instead of the simulator's own robot, as it does for whoever sells windows.
    """

    name: Label
    hosts: Annotated[int, Meta(ge=1, le=10_000)]
    price: Price
    host: Capacity = DEFAULT_HOST
    deposit: Credits = 100.0
    offer: Offer = OfferAll()
    own_load: Workload | None = None
    pricing: Pricing = "flat"
    jitter: Share = 0.0
    zone: str | None = None
    manager: bool = False
    class_: str | None = None
    network: Network | None = None
    link_mbit: LinkMbit | None = None
    delivery: Annotated[list[Delivery], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: [SPOT]
    )

    @property
    def managed(self) -> bool:
        return self.manager or WINDOW in self.delivery


class Trader(Part, frozen=True, kw_only=True):
    """A background trader; it quotes around ``price``, and sells what its ``hosts`` back.

    ``units``: how many it buys at most.
    """

    kind: Literal["market_maker", "noise", "buyer", "seller"]
    symbol: str
    rate_per_min: Annotated[float, Meta(gt=0, le=6000)] = 30.0
    hosts: Annotated[int, Meta(ge=0, le=10_000)] = 0
    host: Capacity = DEFAULT_HOST
    deposit: Credits = 100.0
    price: Price | None = None
    name: Label | None = None
    network: Network | None = None
    units: Count = 6


NOT_GIVEN: Final = -1
FACTOR_MAX: Final = 10.0**12
"""Of one fault, and of all that last at a time."""
SECONDS_PER_HOUR: Final = 3600


class Fault(Part, frozen=True, kw_only=True):
    """Something goes wrong ``at_s``; `fault_check.py` says which keys a kind takes.

    ``trace`` stands for the host failures of a ``file``, of which ``from_s`` falls on ``at_s``.
    """

    kind: Literal[
        "host_crash",
        "host_return",
        "partition",
        "heal",
        "price_spike",
        "slow_boot",
        "stale_metrics",
        "exchange_restart",
        "seller_withdraw",
        "boot_failures",
        "trace",
    ]
    at_s: Seconds = NOT_GIVEN
    seller: str | None = None
    hosts: Count | list[Count] | None = None
    """How many, from the first one on, or their numbers, from 1."""
    for_s: Seconds | None = None
    factor: Annotated[float, Meta(gt=0, le=FACTOR_MAX)] | None = None
    fail: Share | None = None
    between: tuple[str, str] | None = None
    file: Annotated[str, Meta(min_length=1)] | None = None
    from_s: Seconds | None = None


RandomKind: TypeAlias = Literal[
    "host_crash",
    "partition",
    "price_spike",
    "slow_boot",
    "stale_metrics",
    "exchange_restart",
    "seller_withdraw",
    "boot_failures",
]
Span: TypeAlias = tuple[Seconds, Seconds]
"""The shortest and the longest, both included."""


class RandomFaults(Part, frozen=True):
    """Faults drawn anew for each seed: ``per_hour`` of all ``kinds`` together, on average.

    ``for_s``: how long they last, for every kind or by kind.
    """

    kinds: Annotated[list[RandomKind], Meta(min_length=1)]
    per_hour: Annotated[float, Meta(gt=0, le=1000)]
    for_s: Span | dict[RandomKind, Span] = {}


class Cloud(Part, frozen=True):
    """A provider that sells any number of units at ``price``, whatever happens on this exchange.

    A unit is billed from its order to its end in started steps of ``billing_s``, for ``minimum_s``
    at least. ``boot``: the scenario's, without failures, when left out.
    """

    price: Price
    billing_s: Annotated[int, Meta(ge=1, le=86_400)] = 1
    minimum_s: Annotated[int, Meta(ge=0, le=86_400)] = 60
    boot: Boot | None = None


class Policy(Part, frozen=True):
    """How the farm gets its units: rules, a fixed number, another's rules in a cloud, none.

    ``list_price`` is a cloud with that price. ``price_max`` is the most that a fixed number of
    ``units`` pays for one. ``spares`` stand beside the farm's own units from start to end.
    """

    rule: list[RuleText] | None = None
    units: Annotated[int, Meta(ge=0, le=MAX_QTY)] | None = None
    price_max: Price | None = None
    like: str | None = None
    list_price: Price | None = None
    cloud: Cloud | None = None
    track: TrackText | None = None
    predict: PredictText | None = None
    spares: Annotated[int, Meta(ge=0, le=MAX_QTY)] = 0

    @property
    def tariff(self) -> Cloud | None:
        """Return the cloud that the policy buys from, None on this exchange."""
        return Cloud(self.list_price) if self.list_price is not None else self.cloud


class Windows(Part, frozen=True):
    """Hours that are sold ahead, where a seller's ``delivery`` has them."""

    hours_ahead: Annotated[int, Meta(ge=1, le=168)] = 24


class Spares(Part, frozen=True):
    """The buyer's own idle servers: what each costs for every hour, used or not, in credits."""

    cost_per_unit_hour: Credits = 0.0


class Slo(Part, frozen=True):
    """What violated requests cost the business, in credits."""

    credits_per_million_violated: Credits = 0.0


class Expect(Part, frozen=True):
    """One bound on the mean of a metric, or on its paired difference to another policy.

    ``fault``: the bounds are on what that fault changes: the metric less that of the same runs
    without it.
    """

    policy: str
    metric: MetricName
    max: float | None = None
    min: float | None = None
    less_than_policy: str | None = None
    fault: Annotated[int, Meta(ge=0)] | None = None
    """Its place in the file, from 0."""
    farm: str | None = None
    """The account of the farm that is looked at; the first one's when left out."""
    safety: bool = False
    """Does it hold for every seed by itself, whatever goes wrong, and not only on average?"""


class Scenario(Part, frozen=True):
    schema: Literal[1]
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    duration_s: Annotated[int, Meta(ge=1, le=366 * 86_400)]
    start: datetime
    farm_tables: Farm | Annotated[list[Farm], Meta(min_length=1)] = msgspec.field(name="farm")
    workload: Workload
    policy: Annotated[dict[Label, Policy], Meta(min_length=1)]
    seed: Annotated[int, Meta(ge=0, le=2**53)] = 1
    runs: Annotated[int, Meta(ge=1, le=1000)] = 1
    network: Network = Network()
    boot: Boot = Boot()
    zone: Annotated[list[Zone], Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: [Zone("eu-de")]
    )
    seller: list[Seller] = []
    trader: list[Trader] = []
    fault: list[Fault] = []
    random_faults: RandomFaults | None = None
    expect: list[Expect] = []
    spares: Spares = Spares()
    slo: Slo = Slo()
    windows: Windows = Windows()
    load_correlation: Share | None = None
    """Of the farms' loads; see `loads.py`."""

    @property
    def farms(self) -> list[Farm]:
        """Return every farm; the first is the one under test."""
        return self.farm_tables if isinstance(self.farm_tables, list) else [self.farm_tables]

    @property
    def farm(self) -> Farm:
        return self.farms[0]

    @property
    def start_ms(self) -> int:
        return int(self.start.timestamp() * 1000)

    @property
    def farm_pricing(self) -> Pricing:
        """Return what the farm buys when it does not say."""
        if self.farm.pricing is not None:
            return self.farm.pricing
        only_metered = self.seller and all(s.pricing == "metered" for s in self.seller)
        return "metered" if only_metered else "flat"


def price_ucr(credits: float) -> int:
    """Return a price of a file as micro-credits per unit-hour."""
    return ucr_from_credits(credits)
