"""Listens on one port, TCP and UDP, IPv4 and IPv6, and prints what it is sent. Run as a program.

Its first line is the port; a row of ``bytes`` follows for each message.
"""

import selectors
import socket
import sys


def main(port: int) -> None:
    tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    port = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", port))
    print(port, flush=True)
    ready = selectors.DefaultSelector()
    for one in (tcp, udp):
        ready.register(one, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is tcp:
                ready.register(tcp.accept()[0], selectors.EVENT_READ)
                continue
            assert isinstance(key.fileobj, socket.socket)
            try:
                said = key.fileobj.recv(4096)
            except OSError:
                said = b""
            if said:
                print(said, flush=True)
            elif key.fileobj is not udp:
                ready.unregister(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
