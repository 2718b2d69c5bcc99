"""A naive exchange, written from docs/rules.md alone: what the engine is compared with.

`exchange.Oracle` is the whole; `books`, `hosts`, `leases`, `vms` and `windows` each add a part, and
`orders` and `owed` are its records. It imports nothing of the engine.
"""
