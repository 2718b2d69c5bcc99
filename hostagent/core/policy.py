"""What the owner of a server allows each guest on it. Pure."""

from msgspec import Struct

from hostagent.core.rates import Rates


class Policy(Struct, frozen=True):
    """The same for all guests that an agent starts."""

    rates: Rates = Rates()


UNLIMITED = Policy(Rates(0, 0))
