"""Settings shared by every test.

Hypothesis has no deadline: a law is not false because the machine was busy. With CI=true its
examples are the same in every run, so that a change lands or fails for what it changes.
"""

import os

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
