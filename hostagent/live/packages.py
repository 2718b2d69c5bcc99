"""Which Debian packages the image holds, and which the server that builds it needs. Pure."""

from collections.abc import Collection
from typing import Final

SUITE: Final = "bookworm"

BOOT: Final = (
    "linux-image-amd64",  # the cloud kernel lacks the drivers of real servers
    "live-boot",
    "live-boot-initramfs-tools",
    "systemd-sysv",
    "dbus",
    "udev",
    "kmod",
    "zstd",
    "wget",  # the initrd fetches the file system with it when it comes over the network
    "e2fsprogs",
)
NETWORK: Final = (
    "systemd-resolved",
    "systemd-timesyncd",
    "ca-certificates",
    "iproute2",
    "iptables",
    "dnsmasq-base",
)
HOST: Final = (
    "python3",
    "python3-libvirt",
    "libvirt-daemon-system",
    "qemu-system-x86",
    "qemu-utils",
)
MANAGER: Final = ("haproxy", "openssl")
LOGIN: Final = ("openssh-server",)

TOOLS: Final = {
    "mmdebstrap": "mmdebstrap",
    "mksquashfs": "squashfs-tools",
    "xorriso": "xorriso",
    "mformat": "mtools",
    "mcopy": "mtools",
    "grub-mkimage": "grub-common",
    "unshare": "util-linux",
}
"""Each tool that the build runs, and the package that brings it."""
GRUB_FOLDERS: Final = {
    "/usr/lib/grub/i386-pc": "grub-pc-bin",
    "/usr/lib/grub/x86_64-efi": "grub-efi-amd64-bin",
}


def in_image(ssh: bool) -> list[str]:
    """Return what is installed into the image; ``ssh``: somebody may log in."""
    return [*BOOT, *NETWORK, *HOST, *MANAGER, *(LOGIN if ssh else ())]


def missing(tools: Collection[str], folders: Collection[str]) -> list[str]:
    """Return the packages to install where only these tools and GRUB folders are there."""
    lacking = {package for tool, package in TOOLS.items() if tool not in tools}
    lacking |= {package for folder, package in GRUB_FOLDERS.items() if folder not in folders}
    return sorted(lacking)
