"""The boot menu of the ISO and the script of the network boot. Pure."""

import re
from typing import Final

from hostagent.live.settings import ROLES

LABEL: Final = "HEADROOM_LIVE"
"""The ISO's own name; a volume labelled HEADROOM is the administrator's."""
MARKER: Final = "/live/headroom"
"""The file by which GRUB finds the medium it was started from."""
KERNEL_WORDS: Final = (
    "boot=live nopersistence loglevel=4 console=tty0 console=ttyS0,115200 panic=60"
)
EMULATED: Final = "no_timer_check"
"""For QEMU only: on a busy machine an emulated timer may fail the kernel's check, which panics."""
WAIT_S: Final = 5
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,255}(:[0-9]{1,5})?")

GRUB_MODULES: Final = (
    *("normal", "linux", "configfile", "search", "search_fs_file", "echo", "test", "sleep"),
    *("iso9660", "part_gpt", "part_msdos", "fat", "gzio", "serial", "terminal", "minicmd"),
    "smbios",
)
BIOS_MODULES: Final = ("biosdisk", *GRUB_MODULES)
EFI_MODULES: Final = (*GRUB_MODULES, "all_video", "efi_gop", "efi_uga")

EARLY: Final = f"search --no-floppy --set=root --file {MARKER}\nset prefix=($root)/boot/grub\n"
"""What GRUB's core runs first, whatever it was started from."""


def grub_cfg() -> str:
    """Return ``boot/grub/grub.cfg``: the first entry is taken after a few seconds.

    It names no role, since the kernel's command line goes before what a volume says.
    """
    head = [
        "serial --unit=0 --speed=115200",
        "terminal_input console serial",
        "terminal_output console serial",
        f"set timeout={WAIT_S}",
        "set default=told",
        "smbios --type 1 --get-string 4 --set maker",
        f'if [ "$maker" = QEMU ]; then set emulated={EMULATED}; fi',
        "",
    ]
    entries = _entry("told", "the role it is told", KERNEL_WORDS)
    for role in ROLES:
        entries += _entry(role, role, f"{KERNEL_WORDS} headroom.role={role}")
    return "\n".join([*head, *entries])


def _entry(name: str, title: str, words: str) -> list[str]:
    return [
        f'menuentry "Headroom: {title} (e: add headroom.url= headroom.token=)" --id {name} {{',
        f"    linux /live/vmlinuz {words} $emulated",
        "    initrd /live/initrd.img",
        "}",
        "",
    ]


def ipxe_script() -> str:
    """Return ``boot.ipxe``. ``base`` is where the files are; see `served_script`."""
    words = f"{KERNEL_WORDS} ip=dhcp fetch=${{base}}filesystem.squashfs"
    return "\n".join(
        [
            "#!ipxe",
            "# Further words for the kernel, such as headroom.url=..., may be set before.",
            "isset ${headroom} || set headroom",
            f"iseq ${{manufacturer:uristring}} QEMU && set emulated {EMULATED} || set emulated",
            "isset ${base} || set base http://${next-server}/",
            f"kernel ${{base}}vmlinuz initrd=initrd.img {words} ${{emulated}} ${{headroom}}",
            "initrd ${base}initrd.img",
            "boot",
            "",
        ]
    )


def served_script(script: str, host: str | None) -> str:
    """Return a script that finds its files where it came from itself.

    ``host``: the Host header, the server's address and port as the client knows them.
    """
    if not _HOST.fullmatch(host or ""):
        return script
    return script.replace("#!ipxe\n", f"#!ipxe\nset base http://{host}/\n", 1)
