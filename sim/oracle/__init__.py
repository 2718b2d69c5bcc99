"""A naive exchange, written from docs/rules.md alone: what the engine is compared with.

`exchange.Oracle` is the whole; `books`, `hosts`, `leases`, `outages`, `vms` and `windows` each add
a part, `orders` and `owed` are its records. `clerk.Clerk` enters commands in it. Nothing of the
engine is imported. The simulator's book-keeper uses it, and the duel of the exchange's own tests.
"""
