"""An expectation as it was judged, in results and in who reads them. Pure.

Source: scenario.md, "JSON output".
"""

from msgspec import Struct


class Judged(Struct, frozen=True):
    """One bound of it. ``value`` is what is compared with ``bound``.

    For ``less_than_policy`` it is the upper end of the difference's 95 % interval, bound 0.
    """

    policy: str
    metric: str
    value: float
    bound: float
    passed: bool
