"""The exchange's tests, a folder for each of its rooms, and what they share.

* `oracle`: a naive exchange written from docs/rules.md, to hold the real one against.
* `duel`: engine and oracle get the same commands; everything must be equal after each.
* `storm`: random commands from a seed: `trading` for the duel, `noise` of every kind.
* `everything`: short stories of commands of every type, on an engine that distrusts itself.
* `support`: markets to test against, the real server, laws, and what checks frames.
"""
