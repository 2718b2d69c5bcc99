"""Tests in a Debian system made for them; `make deb` runs them."""
