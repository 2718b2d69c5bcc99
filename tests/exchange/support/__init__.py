"""What many tests of the exchange use.

The pure engine:
* `market.Market`: the engine driven as the gateway does, with all it sent; `lease_market` with one
  buyer, one seller and her hosts.
* `case`: the language of the rule tables. `laws.check`: what must hold after every command.
* `hearing`: an account's frames checked by themselves. `sizes`: what holds how much.
* `planted_bugs`: bugs by which state changes without a row.

The real server:
* `harness`: an exchange in this process or as one of its own, accounts, hosts, commands.
* `trading`: two accounts that trade on it. `ways_to_end`: how a connection ends. `attack_kinds`:
  what an attacker does.

The client:
* `scripted`: a stand-in for an exchange that misbehaves on demand; `client_scene` puts a client on
  it, in the time of `virtual_loop`.
"""
