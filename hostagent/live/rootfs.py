"""The files and links that the build adds to the image's Debian system or removes from it. Pure.

Paths are relative to the root of the image.
"""

import json
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

LIBRARY: Final = "usr/lib/headroom"
"""Where Headroom and its locked packages are installed."""
BAKED: Final = "etc/headroom/headroom.toml"
RUN: Final = "/run/headroom"
STATE: Final = "/var/lib/headroom"

PYTHON: Final = "/usr/bin/python3 -s"
CONSOLES: Final = ("tty1", "ttyS0")


class ImageFile(Struct, frozen=True):
    text: str
    mode: int = 0o644


COMMAND: Final = f"""#!{PYTHON}
import sys
sys.path.insert(0, "/{LIBRARY}")
from headroom import main
main()
"""

SERVICE: Final = f"""[Unit]
Description=Headroom: join the exchange and run this server's role
After=network-online.target libvirtd.socket systemd-modules-load.service
Wants=network-online.target libvirtd.service
StartLimitIntervalSec=0

[Service]
Environment=PYTHONPATH=/{LIBRARY}
RuntimeDirectory=headroom
RuntimeDirectoryPreserve=yes
ExecStart={PYTHON} -m hostagent.live.boot
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec=20
Delegate=cpu io memory pids

[Install]
WantedBy=multi-user.target
"""

HAPROXY: Final = "etc/headroom/haproxy.cfg"
HAPROXY_SOCKET: Final = "/run/haproxy/admin.sock"
HAPROXY_CFG: Final = f"""global
    stats socket {HAPROXY_SOCKET} mode 600 level admin
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
"""
"""Nothing listens until an administrator's own file says so."""
BALANCER: Final = f"""[Unit]
Description=HAProxy beside the Manager

[Service]
Type=notify
RuntimeDirectory=haproxy
ExecStart=/usr/sbin/haproxy -Ws -f {RUN}/haproxy.cfg
KillMode=mixed
Restart=always
RestartSec=5
SuccessExitStatus=143
"""
"""Started for the role of a Manager only."""

NETWORK: Final = """[Match]
Name=en* eth*

[Network]
DHCP=yes

[DHCPv4]
UseDomains=yes
"""

ONLINE: Final = "systemd-networkd-wait-online.service"
ANY_CARD: Final = """[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --any
"""
"""A server has cards without a cable; one that works is enough."""


def console_unit(terminal: str) -> str:
    """Return the unit that shows the status on a terminal. Nobody logs in there."""
    return f"""[Unit]
Description=Headroom status on {terminal}
After=systemd-vconsole-setup.service
ConditionPathExists=/dev/{terminal}

[Service]
Environment=PYTHONPATH=/{LIBRARY} TERM=linux
ExecStart={PYTHON} -m hostagent.live.console
Nice=10
StandardInput=tty
StandardOutput=tty
TTYPath=/dev/{terminal}
TTYReset=yes
TTYVHangup=yes
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


def baked_toml(baked: Mapping[str, str]) -> str:
    """Return what ``build-live`` was told, as the file that the booted image reads last."""
    # A JSON text of printable ASCII is a TOML text as well.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in sorted(baked.items()))


def files(baked: Mapping[str, str], ssh_key: str = "") -> dict[str, ImageFile]:
    """Return every file that is written, by its path."""
    units = {f"headroom-console-{tty}.service": console_unit(tty) for tty in CONSOLES}
    units |= {"headroom-live.service": SERVICE, "headroom-balancer.service": BALANCER}
    written = {f"etc/systemd/system/{name}": ImageFile(text) for name, text in units.items()}
    written |= {
        "usr/bin/headroom": ImageFile(COMMAND, 0o755),
        "etc/systemd/network/80-dhcp.network": ImageFile(NETWORK),
        f"etc/systemd/system/{ONLINE}.d/any.conf": ImageFile(ANY_CARD),
        "etc/hostname": ImageFile("headroom\n"),
        "etc/hosts": ImageFile("127.0.0.1 localhost headroom\n::1 localhost\n"),
        "etc/fstab": ImageFile(""),
        "etc/machine-id": ImageFile(""),
        HAPROXY: ImageFile(HAPROXY_CFG),
        BAKED: ImageFile(baked_toml(baked), 0o600),
    }
    if ssh_key:
        written["root/.ssh/authorized_keys"] = ImageFile(f"{ssh_key}\n", 0o600)
        written["etc/systemd/system/ssh.service.d/keys.conf"] = ImageFile(SSH_KEYS)
    return written


SSH_KEYS: Final = "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\n"
"""Every boot makes host keys of its own: those of the build would be everybody's."""


def links() -> dict[str, str]:
    """Return every symbolic link, path to what it says."""
    wants = "etc/systemd/system/multi-user.target.wants"
    enabled = ["headroom-live", *(f"headroom-console-{tty}" for tty in CONSOLES)]
    made = {f"{wants}/{unit}.service": f"../{unit}.service" for unit in enabled}
    made[f"{wants}/systemd-networkd.service"] = "/lib/systemd/system/systemd-networkd.service"
    made |= {f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED}
    made["etc/resolv.conf"] = "../run/systemd/resolve/stub-resolv.conf"
    made[f"etc/systemd/system/network-online.target.wants/{ONLINE}"] = (
        f"/lib/systemd/system/{ONLINE}"
    )
    return made


MASKED: Final = (
    *("getty@.service", "serial-getty@.service", "autovt@.service", "console-getty.service"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
    *("haproxy.service", "libvirt-guests.service", "systemd-firstboot.service"),
    *("systemd-binfmt.service", "getty-static.service", "systemd-pcrphase.service"),
    *("systemd-pcrphase-sysinit.service", "systemd-pcrphase-initrd.service"),
    *("e2scrub_all.timer", "e2scrub_reap.service", "libvirtd-tls.socket", "libvirtd-tcp.socket"),
)
"""No login on any console; nothing that changes the system or waits for a person."""

REMOVED: Final = (
    *("var/lib/apt/lists/*", "var/cache/apt/*", "etc/apt/sources.list", "etc/apt/sources.list.d/*"),
    "etc/apt/apt.conf.d/99mmdebstrap",
    *("var/cache/debconf/*-old", "var/lib/dpkg/*-old", "var/cache/ldconfig/aux-cache"),
    *("var/log/*.log", "var/log/apt/*", "var/log/libvirt/*/*", "var/log/journal/*"),
    *("var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/systemd/catalog/database"),
    *("etc/ssh/ssh_host_*", "etc/.pwd.lock", "etc/passwd-", "etc/shadow-", "etc/group-"),
    *("etc/gshadow-", "etc/subuid-", "etc/subgid-", "boot/*.old", "vmlinuz.old", "initrd.img.old"),
    *("run/*", "tmp/*", "var/tmp/*", "usr/share/doc/*", "usr/share/man/*", "usr/share/info/*"),
)
"""Patterns of what goes again: what differs between two builds, or leads back to a mirror."""
