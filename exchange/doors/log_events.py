"""What the log says about the bus and the doors. Pure."""

from exchange.log.line import LogLine, line


def bus_joined(url: str) -> LogLine:
    return line("info", "bus_joined", f"on the bus at {url}", url=url)


def bus_lost(why: str) -> LogLine:
    return line("warning", "bus_lost", f"not on the bus: {why}", why=why)


def door_opened(door: str) -> LogLine:
    return line("info", "door_opened", f"door {door} begins", door=door)


def door_ended(door: str, why: str) -> LogLine:
    text = f"door {door} is cut off: {why}"
    return line("warning", "door_ended", text, door=door, why=why)


def link_open(url: str) -> LogLine:
    return line("info", "link_open", f"the exchange is there; it listens at {url} itself", url=url)


def link_lost(why: str, connections: int) -> LogLine:
    text = f"the link to the exchange is over, with {connections} connections: {why}"
    return line("warning", "link_lost", text, why=why, connections=connections)


def serving(url: str) -> LogLine:
    return line("info", "serving", f"a door at {url}", url=url)


def stopped() -> LogLine:
    return line("info", "stopped", "the door stops: it was asked to", code=0)
