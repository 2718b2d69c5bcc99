"""Everybody's hosts as the directory tells them, folded. Pure."""

from exchange.wire.frames import DirectorySnapshot, DirectoryUpdate


class Directory:
    """``version`` grows with every frame, for those who keep what they made of the hosts."""

    def __init__(self) -> None:
        self.hosts: dict[str, DirectoryUpdate] = {}
        self.known = False
        """Whether the exchange has told at all."""
        self.version = 0

    def apply(self, frame: DirectorySnapshot | DirectoryUpdate) -> None:
        """Fold ``frame``; a snapshot begins anew, and rows that did not fit into it follow it."""
        self.version += 1
        if isinstance(frame, DirectorySnapshot):
            self.hosts = {row.host: row for row in frame.hosts}
            self.known = True
        else:
            self.hosts[frame.host] = frame
