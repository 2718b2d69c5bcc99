"""The farm as manager.toml describes it: the rules, and what each buys and starts. Pure."""

from collections.abc import Collection
from typing import Final

from msgspec import Struct

from manager.core.budget import Spend
from manager.core.hand import by_hand, vm_bought
from manager.core.library import Library, StoredVm, find
from manager.core.rule import Rule

DEFAULT_STALE_MS: Final = 60_000
DEFAULT_LEAVE_MS: Final = 45_000


class ManagerConfig(Struct, frozen=True, kw_only=True):
    """The farm and what automates it. ``unit_rps``: requests/s that one unit serves."""

    rules: tuple[Rule, ...]
    library: Library
    vm_class: str
    zone: str
    unit_rps: float
    core_units: int
    pricing: str = "flat"
    spend: Spend = Spend()
    leave_ms: int = DEFAULT_LEAVE_MS
    """How long before its end a recalled unit leaves: time to drain and to stop."""
    stale_ms: int = DEFAULT_STALE_MS
    """A load sample older than this is not acted on."""
    loopback: bool = True
    """The exchange is on this machine, so guests may be too."""
    buying: bool = True
    """False: nothing is bought, whatever the rules say."""


class Farm:
    """The settings in force, and what is looked up in them by a rule's name."""

    def __init__(self, config: ManagerConfig) -> None:
        self.take(config)

    def take(self, config: ManagerConfig) -> None:
        """Go by ``config`` from now on."""
        self.config = config
        self.by_name: dict[str, Rule] = {rule.name: rule for rule in config.rules}

    def gone(self, config: ManagerConfig) -> list[str]:
        """Return the rules in force that ``config`` does not have."""
        stay: Collection[str] = {rule.name for rule in config.rules}
        return [name for name in self.by_name if name not in stay]

    def class_of(self, rule: Rule) -> str:
        """Return the class of the units that ``rule`` buys."""
        vm = find(self.config.library, rule.vm)
        return self.config.vm_class if vm is None else vm.vm_class

    def vm_of(self, rule_name: str) -> StoredVm | None:
        """Return what runs on the units that ``rule_name`` buys."""
        if by_hand(rule_name):
            return find(self.config.library, vm_bought(rule_name))
        rule = self.by_name.get(rule_name)
        return None if rule is None else find(self.config.library, rule.vm)
