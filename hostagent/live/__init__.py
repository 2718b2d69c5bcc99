"""The bootable image: builds it, serves it for network boot, and runs on it after the boot."""
