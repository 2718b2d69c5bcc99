"""How many files this process may have open: as many as the system allows. Shell module."""

import resource
from typing import Final

FILES_MAX: Final = 65_536


def raise_file_limit() -> int:
    """Raise the soft limit as far as the hard one goes, up to `FILES_MAX`; return what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES_MAX if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
