"""What a run measured, checked and reports."""
