"""The host agent's tests.

`rig` is a host core in virtual time, `market` a real exchange with real agents as processes.
"""
