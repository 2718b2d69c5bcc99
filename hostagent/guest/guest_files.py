"""The files inside the demo guest's initramfs: what a VM of `headroom host build-guest` does.

Pure text. The guest takes its address by DHCP, names itself on port 80, answers ``/healthz`` and
powers off on the ACPI button. It waits for nothing with a short timeout: under TCG a guest's
clock runs wild.
"""

from hostagent.guest import cpio

MODULES = (
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
    "virtio_blk",
    "button",
    "evdev",
    "qemu_fw_cfg",
)
"""In the order they must be inserted; one that the kernel has built in is left out."""

_INIT = """\
#!/bin/busybox sh
# The whole guest: first process of the demo VM.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for name in {modules}; do
    if [ -f "/modules/$name.ko" ]; then insmod "/modules/$name.ko"; fi
done

# What the host tells the guest (docs/hosts.md): its name and the renter's user data.
told=/sys/firmware/qemu_fw_cfg/by_name/opt/org.headroom
name=headroom-guest
if [ -f "$told/name/raw" ]; then name=$(cat "$told/name/raw"); fi
if [ -f "$told/user-data/raw" ]; then cat "$told/user-data/raw" > /www/user-data; fi
hostname "$name"
shown=$(echo "$name" | sed -e 's/&/\\&amp;/g' -e 's/</\\&lt;/g')
sed -e "s|@NAME@|$(echo "$shown" | sed -e 's/[|&\\\\]/\\\\&/g')|g" /www/index.in > /www/index.html
rm /www/index.in
echo ok > /www/healthz

acpid -l /dev/null
ip link set lo up
ip link set eth0 up
httpd -p 80 -h /www
echo "headroom guest $name: serving on port 80"
udhcpc -i eth0 -b -t 5 -T 2 -s /etc/udhcpc.sh
while true; do sleep 3600; done
"""

_UDHCPC = """\
#!/bin/busybox sh
# Called by udhcpc with the event in $1 and the lease in the environment.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/${mask:-24}" dev "$interface"
if [ -n "$router" ]; then ip route replace default via "${router%% *}"; fi
echo "headroom guest: address $ip"
"""

_POWER_BUTTON = """\
#!/bin/busybox sh
sync
/bin/busybox poweroff -f
"""

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@NAME@</title></head>
<body><h1>@NAME@</h1><p>A virtual machine on rented headroom.</p></body></html>
"""


def initramfs(busybox: bytes, modules: dict[str, bytes]) -> bytes:
    """Return the cpio archive of the guest from a static busybox and kernel modules by name."""
    present = [name for name in MODULES if name in modules]
    init = _INIT.replace("{modules}", " ".join(present))
    directories = (
        "bin",
        "dev",
        "etc",
        "etc/acpi",
        "etc/acpi/PWRF",
        "modules",
        "proc",
        "sys",
        "www",
    )
    entries = [cpio.directory(path) for path in directories]
    entries += [
        cpio.char_device("dev/console", 5, 1),
        cpio.file("init", init.encode(), 0o755),
        cpio.file("bin/busybox", busybox, 0o755),
        cpio.file("etc/udhcpc.sh", _UDHCPC.encode(), 0o755),
        cpio.file("etc/acpi/PWRF/00000080", _POWER_BUTTON.encode(), 0o755),
        cpio.file("www/index.in", _PAGE.encode()),
    ]
    entries += [cpio.file(f"modules/{name}.ko", modules[name]) for name in present]
    return cpio.archive(entries)
