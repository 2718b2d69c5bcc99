"""What every hypervisor must do; `real` needs libvirt and runs with `make e2e`."""
