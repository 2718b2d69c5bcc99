"""Small scenarios for the tests: an hour or less, few hosts, everything overridable."""

from pathlib import Path

from sim.results.report import RunResult
from sim.run.world import World
from sim.scenario.file import Loaded, load

HOST = "host = {mvcpu = 4000, mem_mib = 8800, disk_mib = 65536}\n"
"""It has room for four units."""
PAPER_BOOT_S = 60


def head(title: str, duration_s: int, start: str = "2026-11-23T00:00:00Z", more: str = "") -> str:
    return f'schema = 1\ntitle = "{title}"\n{more}duration_s = {duration_s}\nstart = {start}\n'


def farm(core_units: int, unit_rps: int = 100, more: str = "") -> str:
    return (
        '[farm]\naccount = "shop"\nzone = "eu-de"\nclass = "small"\n'
        f"core_units = {core_units}\nunit_rps = {unit_rps}\n{more}"
    )


def flash(base: int, peak: int, times: tuple[int, int, int, int], noise: float = 0.0) -> str:
    """Return a load that rises once; ``times``: at_s, ramp_s, hold_s, decay_s."""
    keys = zip(("at_s", "ramp_s", "hold_s", "decay_s"), times, strict=True)
    return (
        f'[workload]\nkind = "flash"\nbase = {base}\npeak = {peak}\n'
        + "".join(f"{key} = {value}\n" for key, value in keys)
        + (f"noise = {noise}\n" if noise else "")
    )


def boot(mean_s: int, sd_s: int, min_s: int, more: str = "") -> str:
    return f"[boot]\nmean_s = {mean_s}\nsd_s = {sd_s}\nmin_s = {min_s}\n{more}"


def seller(name: str, hosts: int, price: float, more: str = "") -> str:
    return f'[[seller]]\nname = "{name}"\nhosts = {hosts}\n{HOST}price = {price}\n{more}'


def rules(
    burst_for: str = "1m", most: int = 8, calm_for: str = "3m", calm_cooldown: str = "1m"
) -> str:
    """Return a policy that buys four units when the load is high, and gives two back when low."""
    return f"""
[policy.threshold]
[[policy.threshold.rule]]
name = "burst"
when = "util > 70 for {burst_for}"
do = "buy 4"
price_max = 0.10
cooldown = "1m"
max_units = {most}
[[policy.threshold.rule]]
name = "calm"
when = "util < 40 for {calm_for}"
do = "release 2"
cooldown = "{calm_cooldown}"
"""


RULES = rules()

TRADERS = """
[[trader]]
kind = "market_maker"
symbol = "small.eu-de.flat.spot"
hosts = 1
[[trader]]
kind = "noise"
symbol = "small.eu-de.flat.spot"
hosts = 1
"""


def scene(more: str = "", duration_s: int = 1200, rules: str = RULES) -> str:
    """Return a scenario whose peak needs 9 units of which the farm has 2."""
    return (
        "\n"
        + head("A short peak", duration_s, more="seed = 7\nruns = 1\n")
        + farm(2, more="deposit = 50.0\n")
        + flash(100, 700, (120, 120, 480, 120), 0.02)
        + boot(40, 10, 20)
        + seller("uni-lab", 3, 0.035, "jitter = 0.1\n")
        + f"{more}{rules}\n[policy.no_burst]\n"
    )


PAPER_PEAK = flash(50, 250, (1000, 0, 3600, 0))
"""An hour of 250 requests/s, of which one unit serves 80 within the promise."""


PAPER_RULES = """
[[policy.rules.rule]]
name = "burst"
when = "util > 70 for 1m"
do = "buy 3"
price_max = 0.10
max_units = 3
[[policy.rules.rule]]
name = "calm"
when = "util < 30 for 2m"
do = "release all"
cooldown = "1m"
"""


def paper(*parts: str, duration_s: int = 7200, peak: str = PAPER_PEAK, more: str = "") -> str:
    """Return a scenario whose every figure can be worked out: a farm of one unit, no latency."""
    return (
        head("On paper", duration_s, "2026-11-23T12:00:00Z", more)
        + "[network]\nlatency_ms = 0\njitter_ms = 0\n"
        + farm(1)
        + peak
        + boot(PAPER_BOOT_S, 0, 10)
        + "".join(parts)
    )


def loaded(folder: Path, text: str) -> Loaded:
    path = folder / "scene.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def world(folder: Path, text: str, policy: str = "threshold", keep_rows: bool = False) -> World:
    found = loaded(folder, text)
    return World(found, policy, found.scenario.seed, keep_rows)


def outcome(folder: Path, text: str, policy: str = "threshold") -> RunResult:
    return world(folder, text, policy).run()
