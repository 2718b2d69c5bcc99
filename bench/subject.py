"""What every engine under test looks like to the measurement."""

from collections.abc import Callable
from typing import Protocol

from bench.flow import Flow, LevelSum


class Subject(Protocol):
    """One engine with one flow. Everything is prepared in its own best form by the constructor.

    ``load`` fills the books; ``run`` plays the measured rows and is the only thing timed.
    """

    def load(self) -> None: ...

    def run(self) -> None: ...

    def levels(self) -> list[LevelSum]:
        """Return what rests now, as `Flow.levels`."""
        ...


Maker = Callable[[Flow], Subject]
