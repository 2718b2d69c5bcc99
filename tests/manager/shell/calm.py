"""A part of manager.toml whose rule never acts: its load cannot be read."""

CALM = """[load]
url = "http://127.0.0.1:9/"
unit_rps = 1
[[rule]]
name = "calm"
when = "util < 1"
do = "release all"
"""
