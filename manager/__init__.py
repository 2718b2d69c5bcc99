"""The Manager: the administrator's robot that offers, buys, starts and releases capacity."""
