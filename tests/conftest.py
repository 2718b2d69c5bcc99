"""Settings shared by every test.

Hypothesis has no deadline: a law is not false because the machine was busy. With CI=true its
examples are the same in every run, so that a change lands or fails for what it changes.
"""

import os
import tempfile

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# A Manager under test must not meet one of this user, or of another test process, at its socket.
_RUNTIME = tempfile.TemporaryDirectory(prefix="headroom-")
os.environ["XDG_RUNTIME_DIR"] = _RUNTIME.name
