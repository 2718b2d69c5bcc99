"""The Manager's daemon, its file, balancers, load sources and command line. Shell."""
