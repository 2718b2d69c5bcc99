"""Random commands from a seed, for the laws, the duel and replay.

`trading.Storm` drives a `Duel`: it asks the oracle for names, so that most commands mean something;
`hosts` and `vms` are its parts. `noise.Noise` sends every kind of command to the engine alone.
"""
