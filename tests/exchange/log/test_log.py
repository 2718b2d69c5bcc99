"""What libraries say goes the same way as our own lines."""

import logging
import re
from pathlib import Path

import pytest

from exchange.log.log import StderrHandler

SECRET = "fL4g-never-logged"


def test_a_librarys_error_is_one_line_that_quotes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = logging.getLogger("a.library")
    handler = StderrHandler("text")
    library.addHandler(handler)
    with (tmp_path / "stderr").open("w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        try:
            raise KeyError(SECRET)
        except KeyError:
            library.exception("a task failed\nfuture: %s", SECRET)
        library.warning("odd")
        library.info("nothing to us")
    library.removeHandler(handler)
    first, second = (tmp_path / "stderr").read_text().splitlines()
    assert re.fullmatch(r"\S+Z ERROR a task failed: KeyError at test_log.py:\d+", first)
    assert second.endswith("Z WARNING odd")
