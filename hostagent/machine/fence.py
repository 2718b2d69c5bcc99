"""Keeps the firewall rules of `core.fence` in force on this server. Shell module; it blocks.

A reload of the server's own firewall may remove them, so `hold` is called before every start and at
every look at the domains, and puts them back.
"""

import contextlib
import subprocess
import threading
from pathlib import Path

from exchange.log import log
from hostagent.core import fence, log_events
from hostagent.core.policy import Policy
from hostagent.core.ports import HypervisorError

CALL_S = 10.0
ROUTES = Path("/proc/net/route")
HAS_IPV6 = Path("/proc/net/if_inet6")


class Fence:
    """The rules for the guests of one agent; none where no guest may call out."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._one = threading.Lock()
        self._said = ""
        """Why the rules are not in force, as logged last."""
        self._held: dict[str, tuple[list[str], list[str]]] = {}
        """By tool: the rules that were set, and how it shows them."""

    def hold(self) -> None:
        """Have the rules in force. Raises `HypervisorError` when they cannot be."""
        if not self._policy.calls_out:
            return
        try:
            self._put()
            self._said = ""
        except HypervisorError as error:
            if str(error) != self._said:
                self._said = str(error)
                log.write(log_events.not_fenced(str(error)))
            raise

    def look(self) -> None:
        """As `hold`, when nothing depends on it: a failure is only logged."""
        with contextlib.suppress(HypervisorError):
            self.hold()

    def close(self) -> None:
        """Where guests of an earlier agent may call out, end that: nothing is allowed now."""
        try:
            left = fence.chain(self._policy.gid) in _run(["iptables", "-w", "-S"])
        except HypervisorError:
            return  # Without the tool no guest was ever let out.
        if left:
            self._put()

    def _put(self) -> None:
        with self._one:
            near = fence.near_networks(_read(ROUTES))
            self._hold("iptables", fence.rules4(self._policy, near))
            if HAS_IPV6.exists():
                self._hold("ip6tables", fence.rules6())

    def _hold(self, tool: str, rules: list[str]) -> None:
        gid, listing = self._policy.gid, _run([tool, "-w", "-S"])
        shown = fence.in_force(gid, listing)
        if shown is not None and (rules, shown) == self._held.get(tool):
            return
        _run([f"{tool}-restore", "-w", "--noflush"], fence.restore_text(gid, rules, listing))
        shown = fence.in_force(gid, _run([tool, "-w", "-S"]))
        if shown is None or len(shown) != len(rules):
            raise HypervisorError(f"{tool} took the rules for guests but does not show them")
        self._held[tool] = rules, shown


def _run(command: list[str], text: str | None = None) -> str:
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, input=text, timeout=CALL_S
        )
    except FileNotFoundError as error:
        line = f"{command[0]} is not installed (package iptables): guests cannot be fenced in"
        raise HypervisorError(line) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HypervisorError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise HypervisorError(f"{command[0]}: {said}")
    return done.stdout


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError as error:
        raise HypervisorError(f"{path}: {error.strerror}") from error
