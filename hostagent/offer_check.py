"""What a server would offer by default, and why, for the doctor. Shell module."""

from pathlib import Path

from exchange.wire.terms import DEFAULT_CLASSES
from hostagent.core import offer_log
from hostagent.core.inventory import Override, advertised, shared
from hostagent.core.kept import Kept, steady
from hostagent.core.offer import HostConfig, Offer
from hostagent.core.offering import Offering
from hostagent.machine import facts
from hostagent.machine.kept_file import KeptFile


def default_offering(state: Path) -> Offering:
    """Return it as an agent would start with it: own use is what the last agent measured."""
    known, kept = facts.read_facts(state), _newest(state)
    capacity = steady(advertised(known, Override()), known, kept.capacity, Override())
    config = HostConfig(
        capacity=capacity,
        classes=DEFAULT_CLASSES,
        boot_id="",
        host_mvcpu=max(1, known.cpus) * 1000,
        host_mem_mib=known.mem_mib,
        shared=shared(Override()),
    )
    return Offer(config, kept.offer).offering()


def told(now: Offering) -> str:
    return f"{offer_log.room(now.offered)}; {offer_log.why(now)}"


def _newest(state: Path) -> Kept:
    """Return what the agent kept that ran last with this folder."""
    files = sorted(state.glob("offer-*.json"), key=lambda path: path.stat().st_mtime)
    return KeptFile(files[-1]).kept if files else Kept()
