"""`headroom sim list` and `check`: which scenarios there are, and what is wrong with one."""

from typing import Any

from exchange.cli.common import Json, print_json
from exchange.units import MS_PER_SECOND
from sim.cli.files import File, scenario_of, warn
from sim.results.service import Service
from sim.run.buyer import STEP_S
from sim.scenario.file import Loaded, load
from sim.scenario.shipped import shipped
from sim.scenario.tables import Farm
from sim.scenario.workload import load_at


def list_shipped(as_json: Json = False) -> None:
    """List the scenarios that are shipped; each runs by its name."""
    rows = {path.stem: load(path).scenario.title for path in shipped()}
    if as_json:
        print_json([{"name": name, "title": title} for name, title in rows.items()])
        return
    width = max((len(name) for name in rows), default=0)
    for name, title in rows.items():
        print(f"{name:<{width}}  {title}")


def check(file: File, as_json: Json = False) -> None:
    """Read FILE and the traces it names, and say what is wrong with it."""
    loaded = scenario_of(file)
    warn(loaded)
    title, policies = loaded.scenario.title, list(loaded.scenario.policy)
    needs = [_need(loaded, farm) for farm in loaded.scenario.farms]
    if as_json:
        print_json({"scenario": title, "policies": policies, "farms": needs})
        return
    print(f"{file}: {title}: ok, policies {', '.join(policies)}")
    for need in needs:
        print(
            f"  {need['account']}: requests/s without noise: {need['load_min_rps']:,} to "
            f"{need['load_max_rps']:,}; units needed at most: {need['need_units']:,}, "
            f"its own: {need['core_units']:,}"
        )


def _need(loaded: Loaded, farm: Farm) -> dict[str, Any]:
    """Return what the farm's load comes to, and the units that serve the most of it."""
    workload = farm.workload or loaded.scenario.workload
    times = range(0, loaded.scenario.duration_s, STEP_S)
    loads = [load_at(workload, at_s, loaded.traces) for at_s in times]
    service = Service(farm.unit_rps, farm.slo_util, 0, STEP_S * MS_PER_SECOND)
    return {
        "account": farm.account,
        "load_min_rps": round(min(loads)),
        "load_max_rps": round(max(loads)),
        "need_units": service.need(max(loads)),
        "core_units": farm.core_units,
    }
