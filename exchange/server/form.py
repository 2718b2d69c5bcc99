"""Which form of the exchange runs: its core as source, or compiled by mypyc (`make dist-compiled`).

Both behave alike and read each other's data directories; the compiled one is faster.
"""

from typing import Final, Literal, TypeAlias

from exchange.trading import execution

Form: TypeAlias = Literal["interpreted", "compiled"]


def form_of(path: str | None) -> Form:
    """Return the form of the module that was loaded from ``path``."""
    return "interpreted" if path is None or path.endswith((".py", ".pyc")) else "compiled"


FORM: Final = form_of(execution.__file__)
