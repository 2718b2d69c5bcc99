"""Looks at a disk image as a host would: with qemu-img, within the same limits. Shell.

Where qemu-img is not installed only the header was looked at, which `unchecked` says.
"""

import shutil
from pathlib import Path
from typing import Final

from exchange.wire.types import ImageFormat
from hostagent.core.ports import ImageError
from hostagent.machine.children import DIES_WITH_US
from hostagent.machine.disk_image import inspect_disk
from hostagent.machine.qemu_img import QEMU_IMG

TOOLS: Final = (QEMU_IMG, "prlimit", DIES_WITH_US[0])


def unchecked(form: ImageFormat) -> str | None:
    """Say in one line what was not looked at because a tool is missing here, if anything."""
    lacking = next((tool for tool in TOOLS if shutil.which(tool) is None), None)
    if form != "qcow2" or lacking is None:
        return None
    return f"{lacking} is not installed here: only the image's header was checked"


def refused_by_host(image: Path, form: ImageFormat) -> str | None:
    """Say why a host would refuse the image; ``None`` if it is fine or `unchecked`."""
    if form != "qcow2" or unchecked(form) is not None:
        return None
    try:
        inspect_disk(image, form)
    except ImageError as error:
        return str(error).replace(str(image), "it")
    return None
