"""Work in a forked child, beside this process. Shell.

The child sees the memory as it is now, and hands back what it found. With one core both take turns.
"""

import os
import select
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Generic, NoReturn, Self, TypeVar

import msgspec

from exchange.storage.sqlite_journal import DataDirError

_READ_BYTES: Final = 65_536

T = TypeVar("T")


class Beside(Generic[T]):
    """``work`` in a child, until this is left. ``kind``: what it returns, as msgspec writes it.

    Where the system gives no child, the work is done here and now.
    """

    def __init__(self, work: Callable[[], T], kind: type[T]) -> None:
        self._kind = kind
        self._child: int | None = None
        self._found: T
        self._reader, writer = os.pipe()
        try:
            child = os.fork()
        except OSError:
            os.close(writer)
            self._found = work()
            return
        if child == 0:
            _work_and_exit(work, writer)
        os.close(writer)
        self._child = child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            self._wait()
        os.close(self._reader)

    @property
    def is_done(self) -> bool:
        """Return whether `result` need not wait."""
        return self._child is None or bool(select.select([self._reader], [], [], 0)[0])

    def result(self) -> T:
        """Wait for what the work returned. Raises `DataDirError` when the child was ended."""
        if self._child is not None:
            told = b"".join(iter(lambda: os.read(self._reader, _READ_BYTES), b""))
            code = self._wait()
            if code:
                raise DataDirError(f"a process that checks beside this one ended with {code}")
            self._found = msgspec.msgpack.decode(told, type=self._kind)
        return self._found

    def _wait(self) -> int:
        assert self._child is not None
        _, status = os.waitpid(self._child, 0)
        self._child = None
        return os.waitstatus_to_exitcode(status)


def _work_and_exit(work: Callable[[], object], writer: int) -> NoReturn:
    """Run in the child. Ctrl-C ends it without a word: this process says what is to be said."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        told = memoryview(msgspec.msgpack.encode(work()))
        while told:
            told = told[os.write(writer, told) :]
        code = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)
