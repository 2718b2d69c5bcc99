"""Makes the memory of a rule, by its kind. Pure."""

from collections.abc import Callable

from manager.core.rule import Rule
from manager.core.watch_at import AtWatch
from manager.core.watch_track import TrackWatch
from manager.core.watch_when import WhenWatch
from manager.core.wish import Watch


def watch_of(rule: Rule, own: Callable[[], int]) -> Watch:
    """``own`` counts the units that the rule bought and that stay, those on order included."""
    if rule.track is not None:
        return TrackWatch(rule.track)
    assert rule.action is not None, "only track does without"
    if rule.at is not None:
        return AtWatch(rule.at, rule.action, own)
    return WhenWatch(rule)
