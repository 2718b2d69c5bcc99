"""The first manager.toml: what `headroom manager init` writes. Pure text."""

import json

from msgspec import Struct


class Answers(Struct, frozen=True, kw_only=True):
    """What the administrator said. ``haproxy``: path of its socket, else ``load_url`` is asked."""

    url: str
    key: str
    image: str
    haproxy: str | None = None
    backend: str = "farm"
    load_url: str | None = None
    unit_rps: float = 250.0
    core_units: int = 1
    zone: str
    vm_class: str = "small"
    price_max: float = 0.10


def first_file(given: Answers) -> str:
    """Return a whole manager.toml, commented."""
    return f"""\
# What the Headroom Manager does for this farm. Every key is explained in docs/manager.md.
#   headroom manager check FILE      names every mistake
#   headroom manager dry-run FILE --trace load.csv
#   headroom manager run FILE        until Ctrl-C
schema = 1

[exchange]
url = {_text(given.url)}
key = {_text(given.key)}   # paths are relative to this file

# A stored VM: what a rule starts on each unit that it buys.
[[vm]]
name = "web"
image = {_text(given.image)}   # folder, .tar, .qcow2, raw disk, or a SHA-256
class = {_text(given.vm_class)}   # the size it needs
ports = [80]             # of the guest; the first one joins the balancer
health = "/"             # must answer 200 before it gets traffic; "" is a TCP connect
backend = {_text(given.backend)}

{_balancer(given)}
{_load(given)}
unit_rps = {given.unit_rps:g}           # requests per second that one unit serves
core_units = {given.core_units}           # your own servers, which serve too

# Rules: when the load is high for a while, buy; when it is low for longer, give back.
[[rule]]
name = "burst"
when = "util > 70 for 2m"
do = "buy 2"
vm = "web"
price_max = {given.price_max}         # credits per unit-hour
zones = [{_text(given.zone)}]        # in order of preference
max_units = 8
budget_day = 20.0        # credits per UTC day
cooldown = "1m"

[[rule]]
name = "calm"
when = "util < 40 for 10m"
do = "release 1"
cooldown = "2m"

# Told of what happens: a command gets each alert as JSON on its standard input.
# [alerts]
# command = "mail -s headroom me"
"""


def _balancer(given: Answers) -> str:
    if given.haproxy is None:
        return """\
# No HAProxy yet: the Manager keeps the list of servers itself.
[balancer]
kind = "memory"
"""
    return f"""\
# HAProxy 2.6 or later, with: stats socket {given.haproxy} level admin
[balancer]
kind = "haproxy"
socket = {_text(given.haproxy)}
"""


def _load(given: Answers) -> str:
    if given.haproxy is not None:
        return f"""\
[load]
kind = "haproxy"         # requests per second of the backend
backend = {_text(given.backend)}"""
    return f"""\
# GET url; the load is the number at field.
[load]
kind = "json"
url = {_text(given.load_url or "")}
field = "requests.per_s\""""


def _text(value: str) -> str:
    """Return ``value`` as a TOML string, whose escapes JSON's are."""
    return json.dumps(value)
