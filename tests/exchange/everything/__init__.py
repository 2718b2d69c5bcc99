"""Commands of every type, in short stories on fresh exchanges: nothing may change without a row.

`stories.Everything` runs one, with what `traders` and `hosts` do, in a `scene`.
"""
