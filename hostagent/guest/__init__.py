"""How a small guest image is built. Shell."""
