"""Joins the source distribution when `.ci/build-compiled` makes the wheel whose core is compiled.

The modules that `modules.txt` names are compiled by mypyc, and stay in the wheel as source, too.
"""

from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup

MODULES = (Path(__file__).parent / "packaging" / "compiled" / "modules.txt").read_text().split()

# An empty --config-file: the project's own is for checking all of it.
setup(ext_modules=mypycify(["--config-file=", *MODULES], opt_level="2", debug_level="0"))
