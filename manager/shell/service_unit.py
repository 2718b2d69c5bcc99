"""The systemd unit that runs a Manager. Pure text.

It runs as the owner of manager.toml, may write only to that file's folder, and needs no rights of
root: the exchange, HAProxy's socket and the load are reached as any user reaches them.
"""

from collections.abc import Sequence
from typing import Final

NAME: Final = "headroom-manager.service"
RUNTIME: Final = "headroom-manager"
"""Its folder below /run, for the control socket."""
SOCKET: Final = f"/run/{RUNTIME}/manager.sock"


def unit(command: Sequence[str], file: str, folder: str, user: str, group: str | None) -> str:
    """Return the unit. ``group``: one more that ``user`` is in, such as that of HAProxy's socket.

    Every word must be one that systemd reads as it is.
    """
    supplementary = "" if group is None else f"SupplementaryGroups={group}\n"
    return f"""\
[Unit]
Description=Headroom: the Manager, which buys and sells by the rules of {file}
Documentation=file:/usr/share/doc/headroom/manager.md
After=network-online.target time-sync.target haproxy.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
User={user}
{supplementary}ExecStart={" ".join(command)} manager run --control {SOCKET} {file}
# The file is checked first; a mistake in it changes nothing and is in the log.
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2
# VMs run on: their leases end by themselves half an hour after the last Manager.
TimeoutStopSec=20
UMask=0077
RuntimeDirectory={RUNTIME}
RuntimeDirectoryMode=0700

# Commands that change rules write them to the file.
ReadWritePaths={folder}
{HARDENING}
[Install]
WantedBy=multi-user.target
"""


HARDENING: Final = """\
CapabilityBoundingSet=
AmbientCapabilities=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""
