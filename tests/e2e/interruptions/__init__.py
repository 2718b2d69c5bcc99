"""Random interruptions of a real exchange, agent, libvirtd and QEMU, and the laws that hold."""
