"""What the Automation screen does: each act is one request to the Manager."""

import textwrap
from collections.abc import Sequence
from typing import Final

from manager.control.frames import BurstRow
from manager.control.requests import (
    BurstEnd,
    BuyingResume,
    BuyingStop,
    ReleaseAll,
    RuleDelete,
    RuleExplain,
    RulePause,
    RuleRead,
    RuleResume,
    RuleSet,
)
from tui.actions import Action
from tui.screens.base import Deed
from tui.screens.lists import ListScreen
from tui.screens.page import PageScreen
from tui.screens.sheet import SheetScreen
from tui.view.automation import (
    all_units,
    burst_ends_text,
    burst_of,
    delete_text,
    ends_text,
    resumes,
    rule_of,
)
from tui.view.burst_form import (
    burst_cost,
    burst_fields,
    burst_request,
    dry_run_fields,
    dry_run_request,
)
from tui.view.dry_run import dry_run_text
from tui.view.rule_form import manager_mistakes, rule_fields, rule_text
from tui.view.sheet import Field, Mistakes, Values

PAGE_COLUMNS: Final = 100
PAGE_EDGES: Final = 4


def _act(name: str, title: str, said: str, key: str, label: str = "") -> Action:
    return Action(f"automation_{name}", title, said, "Trade", (key,), label)


AUTOMATION: Final = (
    _act("new", "New rule", "Write a new rule in a form.", "n", "New"),
    _act("edit", "Edit the rule", "Change the rule's text in a form.", "e", "Edit"),
    _act("pause", "Pause or resume", "Pause the rule, or let it act again.", "p", "Pause"),
    _act("delete", "Delete the rule", "Delete the rule, after a question.", "D"),
    Action(
        "automation_test",
        "Dry run",
        "Play the rules over a CSV or the last day's load, as a chart.",
        "Look",
        ("t",),
        "Test",
    ),
    _act("buying", "Stop or resume buying", "Stop all buying, or buy again.", "s", "Stop"),
    _act("release_all", "Release all", "Drain and release every unit, after a question.", "X"),
    _act("burst", "Burst by hand", "Buy units for a stored VM by hand.", "b", "Burst"),
    _act("burst_end", "End a burst", "Drain and release what was bought by hand.", "B"),
    Action("automation_span", "More time", "Show more time on the axis.", "Look", ("i",), "Time"),
)


class AutomationActs(ListScreen):
    """Below it: how it is drawn."""

    ACTIONS = AUTOMATION

    @property
    def rule(self) -> str | None:
        """The rule that an act is about, whichever list has the keys."""
        row = self.views["rules"].row
        return row.key if row else None

    def deeds(self) -> dict[str, Deed]:
        return {
            "automation_new": self._new,
            "automation_edit": self._edit,
            "automation_pause": self._pause,
            "automation_delete": self._delete,
            "automation_test": self._test,
            "automation_buying": self._buying,
            "automation_release_all": self._release_all,
            "automation_burst": self._burst,
            "automation_burst_end": self._burst_end,
        }

    # --- rules ---

    async def _new(self) -> None:
        farm = self.shared.farm
        vm = farm.library[0].name if farm.library else ""
        self._rule_form("New rule", rule_fields({"vm": vm, "zones": await self._zones()}))

    async def _zones(self) -> list[str]:
        """Return where a new rule buys unless told otherwise: where one that buys does."""
        buyer = next((row.name for row in self.shared.farm.rules if row.do.startswith("buy")), None)
        if buyer is not None:
            answer = await self.shared.look(RuleRead(req_id=1, rule=buyer))
            if answer.ok:
                return list(answer.result.get("rule", {}).get("zones", ()))
        return sorted({item.zone for item in self.shared.model.instruments.values()})

    async def _edit(self) -> None:
        name = self.rule
        if name is None:
            return
        answer = await self.shared.look(RuleRead(req_id=1, rule=name))
        if answer.ok:
            self._rule_form(f"Rule {name}", rule_fields(answer.result["rule"]))
        else:
            self.shared.tell("refusal", answer.why, "warn", name)

    def _rule_form(self, title: str, fields: Sequence[Field]) -> None:
        def check(values: Values) -> Mistakes:
            return rule_text(values)[1]

        form = SheetScreen(title, fields, check, self._set_rule, "write it")
        self.app.push_screen(form)

    async def _set_rule(self, values: Values) -> Mistakes:
        """Have the Manager take a rule; return what it finds wrong with it."""
        rule, mistakes = rule_text(values)
        if rule is None:
            return mistakes
        done = f"Rule {rule.name} is written to the file and at work"
        answer = await self.shared.manage(RuleSet(req_id=1, rule=rule), done, rule.name)
        return {} if answer.ok else manager_mistakes(answer.why)

    async def _pause(self) -> None:
        row = rule_of(self.shared.farm, self.rule or "")
        if row is None:
            return
        if resumes(row):
            done = f"Rule {row.name} may act again"
            await self.shared.manage(RuleResume(req_id=1, rule=row.name), done, row.name)
        else:
            done = f"Rule {row.name} is paused; what it bought stays"
            await self.shared.manage(RulePause(req_id=1, rule=row.name), done, row.name)

    def _delete(self) -> None:
        row = rule_of(self.shared.farm, self.rule or "")
        if row is None:
            return
        name = row.name

        async def delete() -> None:
            await self.shared.manage(RuleDelete(req_id=1, rule=name), f"Rule {name} is gone", name)

        self.ask(f"Delete rule {name}?", delete, delete_text(row))

    async def _explain(self) -> None:
        name = self.rule
        if name is None:
            return
        answer = await self.shared.look(RuleExplain(req_id=1, rule=name))
        text = answer.result["text"] if answer.ok else answer.why
        wrapped = textwrap.fill(text, self._page_columns)
        self.app.push_screen(PageScreen(f"Rule {name}", wrapped))

    @property
    def _page_columns(self) -> int:
        return min(PAGE_COLUMNS, self.size.width - PAGE_EDGES)

    # --- dry run ---

    def _test(self) -> None:
        def check(values: Values) -> Mistakes:
            return dry_run_request(values)[1]

        title = "Dry run: what the rules would have done"
        self.app.push_screen(SheetScreen(title, dry_run_fields(), check, self._play, "play it"))

    async def _play(self, values: Values) -> Mistakes:
        request, mistakes = dry_run_request(values)
        if request is None:
            return mistakes
        answer = await self.shared.look(request)
        if not answer.ok:
            return {"": answer.why}
        page = PageScreen("Dry run", dry_run_text(answer.result, self._page_columns))
        self.call_later(self.app.push_screen, page)  # once the form is gone
        return {}

    # --- buying ---

    def _buying(self) -> None:
        load = self.shared.farm.load
        if load is not None and load.buying:
            more = "All bids are canceled, and no rule buys until you resume. What runs goes on."
            self.ask("Stop all buying?", self._stop_buying, more)
        else:
            more = "Rules whose condition holds buy at once, up to their prices and budgets."
            self.ask("Buy again?", self._resume_buying, more)

    async def _stop_buying(self) -> None:
        await self.shared.manage(BuyingStop(req_id=1), "Buying is stopped")

    async def _resume_buying(self) -> None:
        await self.shared.manage(BuyingResume(req_id=1), "The rules buy again")

    def _release_all(self) -> None:
        farm = self.shared.farm
        if not all_units(farm.bursts):
            self.notify("Nothing is rented.", markup=False)
            return
        units = all_units(farm.bursts)
        whole = "the one unit" if units == 1 else f"all {units} units"
        self.ask(f"Release {whole}?", self._release_them, ends_text(farm))

    async def _release_them(self) -> None:
        await self.shared.manage(ReleaseAll(req_id=1), "All units are drained and released")

    def _burst(self) -> None:
        farm = self.shared.farm
        row = burst_of(farm, self.rule or "")
        vm = row.vm if row else farm.library[0].name if farm.library else ""

        def check(values: Values) -> Mistakes:
            return burst_request(values)[1]

        def sure(values: Values | None) -> None:
            request = burst_request(values)[0] if values else None
            if values and request:
                done = f"Buying {request.units} for {request.vm} by hand"

                async def start() -> None:
                    await self.shared.manage(request, done, request.vm)

                self.ask(f"Burst by hand: {request.vm}?", start, burst_cost(values))

        form = SheetScreen("Burst by hand", burst_fields(vm), check, None, "what it costs")
        self.app.push_screen(form, sure)

    def _burst_end(self) -> None:
        row = self._by_hand()
        if row is None:
            self.notify("Nothing was bought by hand.", markup=False)
            return

        async def end() -> None:
            done = f"What was bought by hand for {row.vm} is drained and released"
            await self.shared.manage(BurstEnd(req_id=1, vm=row.vm), done, row.vm)

        self.ask(f"End the burst of {row.vm} by hand?", end, burst_ends_text(row))

    def _by_hand(self) -> BurstRow | None:
        """Return the burst by hand that the cursor is on, else the first one."""
        picked = self.views["units"].row
        hands = [row for row in self.shared.farm.bursts if row.by_hand]
        on = [row for row in hands if picked is not None and picked.key == row.name]
        return next(iter([*on, *hands]), None)
