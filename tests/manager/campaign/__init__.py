"""Random interruptions of a real Manager, HAProxy, exchange and hosts, and the laws that hold."""
