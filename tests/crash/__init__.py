"""What a crash leaves: kill -9, power loss, failing disks, bugs that break the journal's laws.

`power` makes of a recording of system calls the disks that a power cut may leave. `early_ack`,
`tuned`, `poisoned` and `unlawful` are exchanges with a planted fault; `restart` measures and tests
nothing.
"""
