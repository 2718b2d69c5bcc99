"""The shard design of docs/scale.md, played before any of it is built.

Two shards, each the real engine beside the naive oracle, with the instruments of one zone; and the
account shard, which lends them money (`purse`). `whole` is one exchange with both zones. The same
flow of requests (`flow`) goes to both; `compare` tells what differs.
"""
