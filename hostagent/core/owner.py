"""Finds the agent that owns a domain: several may run on one server, for different exchanges. Pure.

An owner is written ``EXCHANGE/HOST/BRANCH``: the exchange's id from its hello, the host's id there,
and which copy of its journal the exchange is. An exchange of an older release tells no host, or no
branch. A domain names the one under which it was born. An agent names all that it has served,
newest first, as ``EXCHANGE/HOST/B2 B1``: after a restore it keeps its VMs, while an agent of a copy
that runs beside the original leaves them alone.
"""

from typing import Final

BRANCHES_MAX: Final = 16


def named(exchange: str, host: str, branch: str = "") -> str:
    return f"{exchange}/{host}/{branch}" if branch else f"{exchange}/{host}"


def is_own(owner: str, said: str) -> bool:
    """Return whether a domain with ``said`` in its metadata belongs to ``owner``.

    ``owner`` is "" before the first login ever: then no domain that names one is ours.
    """
    _, _, served = _parts(owner)
    _, _, born = _parts(said)
    return _same_host(owner, said) and (not served or not born or born[0] in served)


def joined(owner: str, before: str) -> str:
    """Return the owner that has served ``before`` and now serves ``owner``."""
    exchange, host, now = _parts(owner)
    served = _parts(before)[2] if before and _same_host(owner, before) else []
    branches = [*now, *(one for one in served if one not in now)]
    return named(exchange, host, " ".join(branches[:BRANCHES_MAX]))


def born(owner: str) -> str:
    """Return the owner as a new domain names it: "" where nobody knows one yet."""
    if not owner:
        return ""
    exchange, host, branches = _parts(owner)
    return named(exchange, host, branches[0] if branches else "")


def is_restored(owner: str, before: str) -> bool:
    """Tell whether ``owner`` is the exchange of ``before`` with another copy of its journal."""
    served, now = _parts(before)[2], _parts(owner)[2]
    return bool(before) and _same_host(owner, before) and bool(served) and served[:1] != now[:1]


def names(name: str, owner: str) -> list[str]:
    """Return the names that a domain of ``owner`` may have: somebody else's may have the usual
    one."""
    exchange, host, branches = _parts(owner)
    owners = [named(exchange, host, branch) for branch in [*branches, ""]] if owner else []
    return [name, *(f"{name}.{_word(one)}" for one in owners)]


def _word(owner: str) -> str:
    exchange, host, branches = _parts(owner)
    text = "-".join((exchange[:12], host, *(one[:8] for one in branches)))
    return "".join(sign for sign in text if sign.isalnum() or sign == "-").rstrip("-")


def _parts(owner: str) -> tuple[str, str, list[str]]:
    exchange, _, rest = owner.partition("/")
    host, _, branches = rest.partition("/")
    return exchange, host, branches.split()


def _same_host(owner: str, said: str) -> bool:
    exchange, host, _ = _parts(owner)
    other, other_host, _ = _parts(said)
    return exchange == other and (host == other_host or not host or not other_host)
