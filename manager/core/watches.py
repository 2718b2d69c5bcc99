"""Makes the memory of a rule, by its kind. Pure."""

from collections.abc import Callable
from typing import Final

from exchange.units import MS_PER_MINUTE
from manager.core.rule import Rule
from manager.core.watch_at import AtWatch
from manager.core.watch_track import TrackWatch
from manager.core.watch_when import WhenWatch
from manager.core.wish import Watch

LAST_MS: Final = 5 * MS_PER_MINUTE
"""What its windows give back before their end is not bought again: five minutes are always owed."""


def watch_of(rule: Rule, own: Callable[[], int]) -> Watch:
    """``own`` counts the units that the rule bought and that stay, those on order included."""
    if rule.track is not None:
        return TrackWatch(rule.track)
    assert rule.action is not None, "only track does without"
    if rule.at is not None:
        return AtWatch(rule.at, rule.action, own, LAST_MS if rule.forward else 0)
    return WhenWatch(rule)
