"""What a program may ask a running Manager over its control socket.

JSON lines, one object each, decoded strictly like the exchange's wire: an unknown field is refused.
Every request has a ``req_id`` and gets exactly one `Ack` or `ErrorReply`. Pure.
Source: control.md, "Requests".
"""

from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, field

from exchange.wire.types import Name, Port, Qty, Request
from manager.core.rule_text import PriceCredits, RuleName, RuleText

Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[^\x00]*\Z")]
Factor: TypeAlias = Annotated[float, Meta(gt=0, le=1e12)]
VmName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]


class Subscribe(Request, tag="subscribe", frozen=True):
    """Be told everything: one `Snapshot`, then a `Change` whenever something does."""


class Status(Request, tag="status", frozen=True):
    """Read everything once: the ack's result is a `Snapshot`."""


class RuleSet(Request, tag="rule.set", frozen=True):
    """Add a rule, or put it in the place of the one with its name."""

    rule: RuleText


class RulePause(Request, tag="rule.pause", frozen=True):
    """Let a rule do nothing until it is resumed; what it has bought stays."""

    rule: RuleName


class RuleResume(Request, tag="rule.resume", frozen=True):
    """Let a paused or stopped rule act again."""

    rule: RuleName


class RuleDelete(Request, tag="rule.delete", frozen=True):
    """Take a rule away; what it has bought is drained and released."""

    rule: RuleName


class RuleRead(Request, tag="rule.read", frozen=True):
    """Read a rule as the file has it: the ack's ``rule`` is what `rule.set` takes."""

    rule: RuleName


class RuleExplain(Request, tag="rule.explain", frozen=True):
    """Ask in words what a rule reads, what it needs and why it does not act."""

    rule: RuleName


class BurstStart(Request, tag="burst.start", frozen=True):
    """Buy units and start a stored VM on each, by hand. ``price_max``: credits per unit-hour."""

    vm: VmName
    units: Qty
    price_max: PriceCredits
    zones: Annotated[list[Name], Meta(max_length=100)] = field(default_factory=list)
    hosts: Annotated[list[Name], Meta(max_length=100)] = field(default_factory=list)


class BurstEnd(Request, tag="burst.end", frozen=True):
    """Drain and release what was bought by hand for a stored VM."""

    vm: VmName


class BuyingStop(Request, tag="buying.stop", frozen=True):
    """Buy nothing any more and cancel all bids; what runs goes on."""


class BuyingResume(Request, tag="buying.resume", frozen=True):
    """Buy again as the rules say."""


class ReleaseAll(Request, tag="release.all", frozen=True):
    """Drain and release every unit."""


class OfferSet(Request, tag="offer.set", frozen=True):
    """Set keys of a group's offer, as in the file; ``null`` takes one out."""

    group: VmName
    offer: Annotated[dict[Name, Any], Meta(min_length=1, max_length=32)]


class OfferPreview(Request, tag="offer.preview", frozen=True):
    """See what `offer.set` with these keys would ask for; nothing is changed. The ack's result is
    an `OfferShown`; without any key it is about the offer in force."""

    group: VmName
    offer: Annotated[dict[Name, Any], Meta(max_length=32)] = field(default_factory=dict)


class OfferWithdraw(Request, tag="offer.withdraw", frozen=True):
    """Have a group offer nothing; what it has sold runs on."""

    group: VmName


class Hibernate(Request, tag="hibernate", frozen=True):
    """Withdraw all asks and recall what is sold (``on``), or go on as the groups say."""

    on: bool


class Reload(Request, tag="reload", frozen=True):
    """Read manager.toml again; a mistake in it changes nothing."""


class LoadPast(Request, tag="load.past", frozen=True, omit_defaults=True):
    """Read the load of the last day: the ack's ``rows`` are pairs of UTC milliseconds and requests
    per second, the highest of each stretch when there are more than ``points``."""

    points: Annotated[int, Meta(ge=1, le=5_000)] = 1_440


class DryRun(Request, tag="dry_run", frozen=True, omit_defaults=True):
    """Play the file's rules over a CSV of this machine (``path``), else over the last day of load.
    The answer is that of `headroom manager dry-run --json`, and so are the other fields."""

    path: Path | None = None
    time: Name | None = None
    column: Name | None = None
    per_s: Factor | None = None
    scale: Factor | None = None
    start: Name | None = None
    unit_rps: Factor | None = None
    core_units: Annotated[int, Meta(ge=0, le=10**6)] | None = None
    boot_s: Annotated[float, Meta(ge=0, le=86_400)] | None = None


class VmSettings(
    Struct,
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"vm_class": "class"},
):
    """How a stored VM is started; what is left out stays as it is."""

    vm_class: Name | None = None
    ports: Annotated[list[Port], Meta(max_length=16)] | None = None
    health: Annotated[str, Meta(pattern=r"^(/[\x21-\x7e]*)?\Z")] | None = None
    user_data: Path | None = None
    backend: Annotated[str, Meta(max_length=64)] | None = None


class VmImport(Request, tag="vm.import", frozen=True):
    """Take an image from a file or folder of this machine into the library."""

    vm: VmName
    path: Path
    settings: VmSettings = field(default_factory=VmSettings)


class VmVerify(Request, tag="vm.verify", frozen=True):
    """Compare a stored VM's files with the hashes of when it was imported."""

    vm: VmName


class VmUpload(Request, tag="vm.upload", frozen=True):
    """Put a stored VM's image into the exchange's store."""

    vm: VmName


class VmDelete(Request, tag="vm.delete", frozen=True):
    """Remove a stored VM that no rule names and nothing runs."""

    vm: VmName


class VmSet(Request, tag="vm.set", frozen=True):
    """Change how a stored VM is started from its next start on."""

    vm: VmName
    settings: VmSettings


class WebLink(Request, tag="web.link", frozen=True):
    """Ask for a link that lets one browser in, once, within 10 minutes (``url``)."""


ControlRequest: TypeAlias = (
    Subscribe
    | Status
    | RuleSet
    | RulePause
    | RuleResume
    | RuleDelete
    | RuleRead
    | RuleExplain
    | BurstStart
    | BurstEnd
    | BuyingStop
    | BuyingResume
    | ReleaseAll
    | OfferSet
    | OfferPreview
    | OfferWithdraw
    | Hibernate
    | Reload
    | LoadPast
    | DryRun
    | VmImport
    | VmVerify
    | VmUpload
    | VmDelete
    | VmSet
    | WebLink
)
