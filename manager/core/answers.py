"""What the exchange answers, told to whoever asked. Pure."""

from collections.abc import Mapping
from typing import Any

from exchange.wire.frames import Ack, ErrorReply
from manager.core.account import Account
from manager.core.burst import Bursts
from manager.core.checks import Checks
from manager.core.deposit import Deposit
from manager.core.forward import Forward
from manager.core.outgoing import Asked, Outgoing
from manager.core.purchase import Purchases
from manager.core.refused import why


class Answers:
    """See the module's text."""

    def __init__(
        self,
        outgoing: Outgoing,
        purchases: Purchases,
        bursts: Bursts,
        account: Account,
        checks: Checks,
        forward: Forward,
        deposit: Deposit,
    ) -> None:
        self._outgoing = outgoing
        self._purchases = purchases
        self._bursts = bursts
        self._account = account
        self._checks = checks
        self._forward = forward
        self._deposit = deposit

    def take(self, answer: Ack | ErrorReply) -> None:
        """Tell the answer to whoever asked."""
        asked = self._outgoing.answered(answer.req_id)
        if asked is None:
            return  # of a connection before this one; the account's state told the outcome
        if isinstance(answer, Ack):
            self._acked(asked, answer.result)
        else:
            if asked.purpose in ("order", "window"):
                self._deposit.refused(asked.subject, answer)
            self._refused(asked, answer.reason, why(answer))

    def _acked(self, asked: Asked, result: Mapping[str, Any]) -> None:
        match asked.purpose:
            case "order":
                self._deposit.accepted(asked.subject)
                self._purchases.answered(asked.subject, result)
            case "cancel":
                self._purchases.answered(asked.subject, result)
            case "window":
                self._deposit.accepted(asked.subject)
                self._forward.answered(asked.subject, result)
            case "start":
                self._bursts.start_accepted(asked.subject, result)
            case "release":
                self._account.released(asked.subject)
            case "look":
                self._purchases.looked(asked.subject, result)
            case "image":
                self._checks.image(asked.subject, "")
            case "stop" | "timer" | "sell":
                pass

    def _refused(self, asked: Asked, reason: str, why: str) -> None:
        match asked.purpose:
            case "order":
                self._purchases.refused(asked.subject, why)
            case "window":
                self._forward.refused(asked.subject, why)
            case "start":
                self._bursts.start_refused(asked.subject, reason, why)
            case "stop":
                self._bursts.stop_refused(asked.subject)
            case "release":
                self._outgoing.log("release_refused", f"{asked.subject}: not released: {why}")
            case "timer":
                self._account.schedule_refused(asked.subject, why)
            case "look":
                self._purchases.looked(asked.subject, {})
            case "image":
                self._checks.image(asked.subject, reason)
            case "sell":
                pass  # the core that sells has the answer too
            case "cancel":
                pass  # it was done already; its order.update tells how it ended
