"""Connections to libvirt: each call has one of its own, and a dead one is replaced. Shell module.

libvirtd serves five calls of a connection at a time. Five QEMUs that hang would keep every other
VM's calls waiting if they shared one; so a call that hangs holds nothing but its own connection.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import libvirt

from hostagent.core.ports import HYPERVISOR_LOST, HypervisorError

REOPEN_TRIES: Final = 10
REOPEN_PAUSE_S: Final = 0.5

_T = TypeVar("_T")


class Connections:
    """Opens one at once, to find out whether libvirt answers, and keeps it: libvirt's simulation
    forgets its domains with the last connection."""

    def __init__(self, uri: str) -> None:
        # libvirt prints every error on stderr unless told otherwise; ours are raised.
        libvirt.registerErrorHandler(lambda context, error: None, None)
        self._uri = uri
        self._in_use = threading.local()
        self._kept: Any = self._opened()

    @property
    def conn(self) -> Any:
        """The connection of the call that this thread makes; only within `over`."""
        return self._in_use.conn

    def over(self, call: Callable[[], _T]) -> _T:
        """Call; once more over another connection when this one turns out to be dead."""
        with self._own():
            try:
                return said(call, "libvirt")
            except HypervisorError:
                if self.alive():
                    raise
        with self._own():
            try:
                return said(call, "libvirt")
            except HypervisorError as error:
                if self.alive():
                    raise
                raise HypervisorError(str(error), HYPERVISOR_LOST) from error

    def alive(self) -> bool:
        try:
            return bool(self.conn.isAlive())
        except libvirt.libvirtError:
            return False

    def close(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            said(kept.close, "cannot close the connection")

    @contextlib.contextmanager
    def _own(self) -> Iterator[None]:
        self._in_use.conn = self._dialed()
        try:
            yield
        finally:
            conn = self._in_use.conn
            del self._in_use.conn
            with contextlib.suppress(libvirt.libvirtError):
                conn.close()

    def _dialed(self) -> Any:
        """A daemon that is starting gets `REOPEN_TRIES`."""
        for _ in range(REOPEN_TRIES - 1):
            with contextlib.suppress(HypervisorError):
                return self._opened()
            time.sleep(REOPEN_PAUSE_S)
        return self._opened()

    def _opened(self) -> Any:
        try:
            return said(lambda: libvirt.open(self._uri), f"cannot open {self._uri}")
        except HypervisorError as error:
            raise HypervisorError(str(error), HYPERVISOR_LOST) from error


def said(call: Callable[[], _T], what: str) -> _T:
    """Return what ``call`` returns; libvirt's refusal becomes a `HypervisorError`."""
    try:
        return call()
    except libvirt.libvirtError as error:
        raise HypervisorError(f"{what}: {one_line(error)}") from error


def one_line(error: libvirt.libvirtError) -> str:
    return " ".join(str(error.get_error_message()).split())
