"""From stored rows to a running engine and back: start, verify, backup, rebuild. Shell."""
