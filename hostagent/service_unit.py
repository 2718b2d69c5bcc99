"""The systemd unit that runs a host's agent, and the file with its settings. Pure.

Decision 80 says why the agent runs as root, and which of root's rights it is denied.
"""

from collections.abc import Sequence
from typing import Final

from exchange.cli.common import KEY_ENV, URL_ENV

NAME: Final = "headroom-host.service"
UNIT: Final = f"etc/systemd/system/{NAME}"
WANTED: Final = f"etc/systemd/system/multi-user.target.wants/{NAME}"
SETTINGS: Final = "etc/headroom/host.env"
"""Paths below the root of the system."""

EXIT_FINAL: Final = 3
"""Of ``host run --service``: what a restart cannot mend."""


def settings(url: str, key: str, options: Sequence[str]) -> str:
    """Return the file of settings; every value is `plain`."""
    return f"""\
# Settings of {NAME}, written by headroom host install-service, which writes it anew.
# Changed by hand: systemctl restart {NAME}; VMs run on meanwhile.
{URL_ENV}={url}
{KEY_ENV}={key}
HEADROOM_OPTIONS={" ".join(options)}
"""


def unit(command: Sequence[str], state: str) -> str:
    """Return the unit. ``command`` starts `headroom`; ``state`` is the one folder it writes to."""
    return f"""\
[Unit]
Description=Headroom: run this server as a host of VMs
Documentation=file:/usr/share/doc/headroom/hosts.md
After=network-online.target libvirtd.service virtlogd.socket time-sync.target
Wants=network-online.target libvirtd.service
StartLimitIntervalSec=0

[Service]
Type=exec
EnvironmentFile=/{SETTINGS}
ExecStart={" ".join(command)} host run --service --state {state} $HEADROOM_OPTIONS
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2 {EXIT_FINAL}
# QEMU belongs to libvirtd and is not in this unit: a stop or an upgrade ends no VM.
KillMode=mixed
TimeoutStopSec=20
LimitNOFILE=524288
UMask=0022
# Image conversions run in a control group below this unit's, with limits.
Delegate=cpu io memory pids

ReadWritePaths={state}
ReadOnlyPaths=/sys/fs/cgroup
ReadWritePaths=-/sys/fs/cgroup/system.slice/{NAME}
{HARDENING}
[Install]
WantedBy=multi-user.target
"""


HARDENING: Final = """\
CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
DevicePolicy=closed
DeviceAllow=/dev/kvm rw
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
"""Memory may be written and executed, as QEMU under emulation does for the test of KVM.

``CAP_NET_ADMIN`` is for the firewall that holds guests which may call out."""
