"""Whether what each rule buys exists at the exchange: looked at after each login, not at the peak.

Instruments are compared when their list is complete and whenever one changes; images are asked for
after a login, and again every minute while one is missing. A rule that can buy in one of its zones,
of its own class or a fallback, goes on; what is wrong with the others is told all the same, once.
Pure. Source: manager.md, "How a rule stands".
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from exchange.units import MS_PER_MINUTE, credits_text
from exchange.wire.frames import InstrumentUpdate
from exchange.wire.requests import ImageStat
from manager.core.library import StoredVm
from manager.core.outgoing import Outgoing
from manager.core.rule import Rule

AGAIN_MS: Final = MS_PER_MINUTE
TOLD_MAX: Final = 5
"""Names that exist, told beside one that does not."""


class Checks:
    """``symbols_of``: what a rule may buy, one for each class and zone."""

    def __init__(
        self,
        outgoing: Outgoing,
        symbols_of: Callable[[Rule], Sequence[str]],
        vm_of: Callable[[str], StoredVm | None],
    ) -> None:
        self._outgoing = outgoing
        self._symbols_of = symbols_of
        self._vm_of = vm_of
        self._rules: Sequence[Rule] = ()
        self._spot: dict[str, InstrumentUpdate] = {}
        self._complete = False
        self._images: dict[str, str] = {}
        """Why an image cannot be used, by its SHA-256."""
        self._blocked: dict[str, tuple[str, ...]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self.again_ms: int | None = None

    # --- what is told ---

    def rules(self, rules: Sequence[Rule]) -> None:
        """Check these from now on."""
        self._rules = [rule for rule in rules if rule.buys]
        self.ask()
        self._look()

    def instrument(self, update: InstrumentUpdate) -> None:
        if update.delivery == "spot" and self._spot.get(update.symbol) != update:
            self._spot[update.symbol] = update
            self._look()

    def instruments(self, symbols: Collection[str]) -> None:
        """These are all there are."""
        self._spot = {symbol: row for symbol, row in self._spot.items() if symbol in symbols}
        self._complete = True
        self.ask()
        self._look()

    def ask(self) -> None:
        """Ask for every rule's image, once the exchange is known."""
        self.again_ms = None
        if self._complete:
            for image in dict.fromkeys(vm.image for _, vm in self._vms()):
                self._ask(image)

    def image(self, image: str, reason: str) -> None:
        """The exchange answered about ``image``; ``reason`` "": it is there."""
        if reason == "image_unknown":
            self._images[image] = "is not in the exchange's store"
            if self.again_ms is None:
                self.again_ms = self._outgoing.now_ms + AGAIN_MS
        elif not reason:
            self._images.pop(image, None)
        self._look()

    # --- what is asked ---

    def problems(self, rule: Rule) -> tuple[str, ...]:
        """Return why the rule can buy nothing anywhere; empty when it can."""
        return self._blocked.get(rule.name, ())

    # --- inside ---

    def _vms(self) -> Iterable[tuple[Rule, StoredVm]]:
        for rule in self._rules:
            if (vm := self._vm_of(rule.name)) is not None:
                yield rule, vm

    def _ask(self, image: str) -> None:
        self._outgoing.ask("image", image, lambda req_id: ImageStat(req_id=req_id, sha256=image))

    def _look(self) -> None:
        """Check every rule, and tell what is new."""
        if not self._complete:
            return
        blocked, told = {}, {}
        for rule in self._rules:
            images = self._image_problems(rule)
            symbols = self._symbols_of(rule)
            problems = [self._problem(rule, symbol) for symbol in symbols]
            wrong = [problem for problem in problems if problem]
            told[rule.name] = tuple(dict.fromkeys((*images, *wrong)))
            if images or len(wrong) == len(symbols):
                blocked[rule.name] = told[rule.name]
        self._blocked = blocked
        for name, now in told.items():
            self._tell(name, now, self._told.get(name, ()))
        self._told = told

    def _tell(self, name: str, now: tuple[str, ...], before: tuple[str, ...]) -> None:
        for problem in now:
            if problem not in before:
                kind = "blocked: " if name in self._blocked else ""
                self._outgoing.log("blocked", f"rule {name}: {kind}{problem}")
        if before and not now:
            self._outgoing.log("unblocked", f"rule {name}: what was wrong is right now")

    def _image_problems(self, rule: Rule) -> list[str]:
        vm = self._vm_of(rule.name)
        if vm is None or vm.image not in self._images:
            return []
        return [f"vm {vm.name}: image {vm.image[:12]} {self._images[vm.image]}"]

    def _problem(self, rule: Rule, symbol: str) -> str:
        row = self._spot.get(symbol)
        if row is None:
            return self._missing(symbol)
        if row.state != "open":
            return f"{symbol} is {row.state.replace('_', ' ')}"
        if rule.price_max_ucr < row.tick_ucr:
            return f"price_max is below {symbol}'s tick of {credits_text(row.tick_ucr)} credits"
        if row.band_low_ucr is not None and rule.price_max_ucr < row.band_low_ucr:
            low = credits_text(row.band_low_ucr)
            return f"price_max is below {symbol}'s lowest price of {low} credits"
        return ""

    def _missing(self, symbol: str) -> str:
        """Name the part of ``symbol`` that nothing at the exchange has."""
        class_name, zone, pricing = (*symbol.split("."), "", "", "")[:3]
        rows = self._spot.values()
        for kind, name, there in (
            ("zone", zone, {row.zone for row in rows}),
            ("class", class_name, {row.class_ for row in rows}),
            ("pricing", pricing, {row.pricing for row in rows}),
        ):
            if name not in there:
                known = ", ".join(sorted(there)[:TOLD_MAX]) or "none"
                return f"{kind} {name!r} is not at the exchange, which has {known}"
        return f"{symbol} is not traded at the exchange"
