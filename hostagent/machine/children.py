"""Programs that the agent starts for itself end with it, however it ends. Shell module."""

from typing import Final

DIES_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL", "--")
"""What stands before such a command: a killed agent leaves no conversion that fills a disk and no
guest of the KVM probe behind. It holds for the thread that starts the command."""
