"""The Manager's tests.

`farm` is a farm on a paper market, `balancer_contract` what every load balancer must do.
"""
