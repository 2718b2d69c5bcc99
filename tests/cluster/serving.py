"""An exchange on PostgreSQL as a process of its own, for tests."""

import subprocess
import sys
from pathlib import Path

from tests.exchange.support.harness import ROOT, ServerProcess

SERVE = [sys.executable, str(ROOT / "headroom.py"), "exchange", "serve", "--log-level", "error"]


class Serving(ServerProcess):
    """`exchange serve --journal` with a scratch folder."""

    def __init__(self, url: str, scratch: Path, *options: str) -> None:
        self.ready_file = scratch.parent / f"{scratch.name}.ready"
        self.ready_file.unlink(missing_ok=True)
        words = ["--journal", url, "--scratch", str(scratch), "--ready-file", str(self.ready_file)]
        more = options or ("--unsafe-single",)
        self.process = subprocess.Popen(
            [*SERVE, *words, "--listen", "127.0.0.1:0", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
