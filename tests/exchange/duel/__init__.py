"""Engine and oracle side by side: the same commands, and everything equal after each.

`scene.new_duel` makes the two markets, `referee.Duel` puts each command to both, `acts` and
`leases` say what a command does to the oracle, `compare.same` compares all there is.
"""
