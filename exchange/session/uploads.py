"""How much space an account's images take, unfinished uploads included. Pure.

Every upload reserves all of its bytes when it begins and keeps them while its partial file exists:
many uploads at once, or many unfinished ones, must not get around the quota. Partial files are
named by a tag of the account, so that a restart knows their owner. Source: security.md, "Images".
"""

from typing import Final

from exchange.wire.text import account_tag

QUOTA_BYTES: Final = 64 * 1024**3
"""Bytes of all images of one account together."""


class Uploads:
    """Bytes reserved by account tag and digest. ``quota_bytes`` may be changed at the start."""

    def __init__(self, quota_bytes: int = QUOTA_BYTES) -> None:
        self.quota_bytes = quota_bytes
        self._reserved: dict[str, dict[str, int]] = {}

    def fits(self, account: str, digest: str, size: int, stored: int) -> bool:
        """May ``account``, whose images take ``stored`` bytes, upload ``size`` more?"""
        others = self._reserved.get(account_tag(account), {}).items()
        under_way = sum(reserved for name, reserved in others if name != digest)
        return stored + under_way + size <= self.quota_bytes

    def reserve(self, tag: str, digest: str, size: int) -> None:
        """An upload begins, or was found unfinished at the start."""
        self._reserved.setdefault(tag, {})[digest] = size

    def release(self, tag: str, digest: str) -> None:
        """The upload is finished or its partial file is gone."""
        reserved = self._reserved.get(tag, {})
        reserved.pop(digest, None)
        if not reserved:
            self._reserved.pop(tag, None)

    def retain(self, kept: set[tuple[str, str]]) -> None:
        """Forget every reservation whose (account tag, digest) is not in ``kept``."""
        for tag, reserved in list(self._reserved.items()):
            for digest in [name for name in reserved if (tag, name) not in kept]:
                self.release(tag, digest)
