"""The tests mirror the packages; `contract/` and `e2e/` hold what needs real machinery."""
