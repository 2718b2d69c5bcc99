"""The contract against libvirt, and disks made by real tools."""
