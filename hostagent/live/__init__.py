"""The bootable image: how it is built, served to a network, and what runs when it has booted."""
