"""libvirt's events, as hints that a look at our domains is due. Shell module.

Nothing depends on them: one that is lost, late or doubled costs at most the wait for the next
regular look. So nothing is read from an event but the name of its domain. They come over a
connection of their own, which is opened again whenever libvirtd has ended it.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, Final

import libvirt

from hostagent.core.domain_xml import NAME_PREFIX

ALIVE_EVERY_S: Final = 1.0
_TOLD: Final = frozenset(
    (
        libvirt.VIR_DOMAIN_EVENT_SUSPENDED,
        libvirt.VIR_DOMAIN_EVENT_RESUMED,
        libvirt.VIR_DOMAIN_EVENT_STOPPED,
        libvirt.VIR_DOMAIN_EVENT_CRASHED,
    )
)
"""What others do to a domain; that it was defined or started we know ourselves."""


class DomainEvents:
    """Calls ``tell`` from a thread of its own after something happened, until `close`.

    ``connect`` opens a connection.
    """

    def __init__(self, connect: Callable[[], Any], tell: Callable[[], None]) -> None:
        self._connect = connect
        self._tell = tell
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="libvirt hints", daemon=True).start()

    def close(self) -> None:
        """Tell no more. Returns at once; the thread ends by itself."""
        self._ended.set()

    def _watch(self) -> None:
        _event_loop()
        while not self._ended.is_set():
            with suppress(libvirt.libvirtError):
                self._listen(self._connect())
            self._ended.wait(ALIVE_EVERY_S)

    def _listen(self, conn: Any) -> None:
        """Return once the connection is dead or we are to end."""
        kind = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE
        conn.domainEventRegisterAny(None, kind, self._happened, None)
        # Whatever happened while nobody listened.
        self._hint()
        while conn.isAlive() and not self._ended.wait(ALIVE_EVERY_S):
            pass
        conn.close()

    def _happened(self, conn: Any, domain: Any, event: int, detail: int, opaque: Any) -> None:
        ours = domain.name().startswith(NAME_PREFIX)
        if ours and event in _TOLD:
            self._hint()

    def _hint(self) -> None:
        if not self._ended.is_set():
            self._tell()


@cache
def _event_loop() -> None:
    """Start the thread that reads all of this process's libvirt events, once."""
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_run, name="libvirt events", daemon=True).start()


def _run() -> None:
    while True:
        # A wait that fails has nothing to say to anybody: hints only.
        with suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()
