"""`headroom sim list` and `check`: which scenarios there are, and what is wrong with one."""

from exchange.cli.common import Json, print_json
from sim.cli.files import File, scenario_of, warn
from sim.scenario.file import load
from sim.scenario.shipped import shipped


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
    if as_json:
        print_json({"scenario": title, "policies": policies})
    else:
        print(f"{file}: {title}: ok, policies {', '.join(policies)}")
