"""Finds the agent that owns a domain: several may run on one server, for different exchanges. Pure.

An owner is written ``EXCHANGE/HOST``: the exchange's id from its hello, and the host's id there,
which an exchange of an older release does not tell.
"""


def named(exchange: str, host: str) -> str:
    return f"{exchange}/{host}"


def is_own(owner: str, said: str) -> bool:
    """Return whether a domain with ``said`` in its metadata belongs to ``owner``.

    ``owner`` is "" before the first login ever: then no domain that names one is ours.
    """
    exchange, _, host = owner.partition("/")
    other, _, other_host = said.partition("/")
    return exchange == other and (host == other_host or not host or not other_host)


def qualified(name: str, owner: str) -> str:
    """Return another name for a domain, where somebody else's has the usual one."""
    exchange, _, host = owner.partition("/")
    word = "".join(sign for sign in f"{exchange[:12]}-{host}" if sign.isalnum() or sign == "-")
    return f"{name}.{word.rstrip('-')}"
