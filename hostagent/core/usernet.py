"""Read QEMU's ``info usernet``: which forwarded connections a guest has accepted. Pure.

QEMU accepts a forwarded connection itself, before the guest is even asked, so that a successful
connect alone proves nothing. Its own table does: SYN_SENT until the guest answers, then
ESTABLISHED, and the other states when one side has closed.
"""

_ENDING = ("CLOSE_WAIT", "LAST_ACK", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "TIME_WAIT")
_ACCEPTED = ("ESTABLISHED", *_ENDING)


def guest_accepted(table: str, inner_port: int) -> bool:
    """Tell whether ``table`` has a connection to host port ``inner_port`` that the guest took.

    A row is ``TCP[STATE] FD SOURCE SOURCE_PORT DEST DEST_PORT RECVQ SENDQ``; for a forwarded
    connection the source is the host's listening side.
    """
    for row in table.splitlines():
        fields = row.split()
        if len(fields) < 6 or not fields[0].startswith("TCP["):
            continue
        state = fields[0][len("TCP[") : -1]
        if state in _ACCEPTED and fields[3] == str(inner_port):
            return True
    return False
