"""While the hypervisor does not answer, sales pause and starts are put off. Pure.

What runs runs on, for guests need no libvirtd; so nothing is recalled. A start that is put off
begins once the hypervisor answers, unless the exchange has waited too long for it.
"""

from typing import Final

from msgspec.structs import replace

from exchange.log.line import LogLine, line
from hostagent.core import vm as life
from hostagent.core.metering import Meter
from hostagent.core.ports import DestroyDomain, Effect, StartDomain
from hostagent.core.vm import Vm

AFTER_MS: Final = 15_000
"""As long as the exchange waits for a silent host; libvirtd restarts in less."""
ASKED_MIN: Final = 2
"""A server that slept comes back with one question that is old and not answered."""


class Pause:
    """``on``: the hypervisor was asked again and again for `AFTER_MS` and has not answered."""

    def __init__(self) -> None:
        self.on = False
        self._since_ms = 0
        self._asked = 0

    def asked(self, now_ms: int) -> bool:
        """It is asked once more; return whether the pause begins now."""
        if self._asked == 0:
            self._since_ms = now_ms
        begins = not self.on and self._asked >= ASKED_MIN and now_ms - self._since_ms >= AFTER_MS
        self._asked += 1
        self.on = self.on or begins
        return begins

    def answered(self) -> None:
        self.on, self._asked = False, 0


def put_off(vm: Vm, effects: list[Effect]) -> list[Effect]:
    """Return ``effects`` without a start, which is to begin later."""
    rest: list[Effect] = [effect for effect in effects if not isinstance(effect, StartDomain)]
    if len(rest) < len(effects):
        vm.domain, vm.put_off = "none", True
    return rest


def start_again(vm: Vm, boot: str, now_ms: int) -> list[Effect]:
    """The hypervisor answers: begin what was put off, as ``boot``.

    A try that broke off may have left a domain, whose end is not to be taken for the new one's.
    """
    if not vm.put_off or boot == vm.spec.boot:
        return []
    vm.put_off = False
    if not vm.waits_for_start:
        return []
    leftover = DestroyDomain(vm.spec.vm_id, vm.spec.boot)
    vm.spec, vm.meter = replace(vm.spec, boot=boot), Meter(boot)
    return [leftover, *life.image_ready(vm, now_ms)]


class PauseLog:
    """Tells when sales pause and when they go on."""

    def __init__(self) -> None:
        self._on = False

    def change(self, on: bool) -> LogLine | None:
        if on == self._on:
            return None
        self._on = on
        if not on:
            return line("info", "sales_resumed", "the hypervisor answers again: offering as before")
        text = f"the hypervisor has not answered for {AFTER_MS // 1000} s:"
        return line("error", "sales_paused", f"{text} nothing more is sold, what is leased runs on")
