"""The measurements, checks and reports of a run."""
