"""Benchmarks that print ratios against named baselines."""
