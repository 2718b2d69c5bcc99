"""Many seeds with drawn faults; what fails is shrunk to what it needs."""
