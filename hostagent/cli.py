"""`headroom host`: enroll a server, run its agent, build guests and images, command many hosts."""

import asyncio
import signal
from importlib import metadata
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.cli.common import (
    DEFAULT_URL,
    EXIT_NOT_SO,
    EXIT_USAGE,
    DiskMib,
    HostKey,
    Json,
    MemMib,
    Mvcpu,
    Url,
    UrlToCompare,
    fail,
    print_json,
)
from exchange.cli.fleet import cli as fleet
from exchange.client import Unreachable, Urls, urls_of
from exchange.keys import KeyFileError, load_private_key
from exchange.log import log
from exchange.log import options as log_options
from hostagent import doctor as checks
from hostagent import options
from hostagent.agent import Agent, AgentError
from hostagent.core import log_events
from hostagent.core.ports import HypervisorError
from hostagent.core.rates import DISK_MIB_S, NET_MIB_S
from hostagent.ending import end_in_time
from hostagent.enroll import enroll
from hostagent.guest.build_guest import BuildError
from hostagent.guest.build_guest import build_guest as build
from hostagent.install_service import install_service
from hostagent.live import cli as live
from hostagent.options import OptionError
from hostagent.run_options import STATE, Advertise, Classes, Ports, State, settled
from hostagent.service_unit import EXIT_FINAL
from hostagent.setup import Settings, SetupError, kept_file, set_up

app = typer.Typer(
    no_args_is_help=True, help="Run this server as a host of VMs; command many hosts."
)

Hypervisor = Annotated[
    str, typer.Option("--hypervisor", help="qemu:///system, test:///default or memory.")
]
DiskRate = Annotated[
    int,
    typer.Option("--disk-mib-s", min=0, help="MiB/s of disk for each vCPU of a VM; 0: any."),
]
NetRate = Annotated[
    int,
    typer.Option("--net-mib-s", min=0, help="MiB/s each way on the network, as --disk-mib-s."),
]
OutboundRule = Annotated[
    str, typer.Option("--outbound", help="What guests may connect to: none, proxy or all.")
]
ProxyAt = Annotated[
    str | None,
    typer.Option("--proxy", help="ADDRESS:PORT: with --outbound proxy, all that guests reach."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="WORD", help="Your word for this server, or NAME=WORD; repeat."),
]
Service = Annotated[
    bool,
    typer.Option("--service", help="Run by systemd: exit 3 for what a restart cannot mend."),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="The same as --log-level debug.")]


app.command("enroll")(enroll)


@app.command("run")
def run(
    key: HostKey,
    url: Url = None,
    hypervisor: Hypervisor = "qemu:///system",
    mvcpu: Mvcpu = None,
    mem_mib: MemMib = None,
    disk_mib: DiskMib = None,
    advertise: Advertise = "127.0.0.1",
    ports: Ports = "30000-30999",
    classes: Classes = None,
    disk_mib_s: DiskRate = DISK_MIB_S,
    net_mib_s: NetRate = NET_MIB_S,
    outbound: OutboundRule = "none",
    proxy: ProxyAt = None,
    tag: Tags = None,
    state: State = STATE,
    service: Service = False,
    verbose: Verbose = False,
    log_level: log_options.Level = log_options.INFO,
    log_format: log_options.Format = log_options.TEXT,
) -> None:
    """Run the agent until SIGTERM or Ctrl-C. VMs keep running and are found again."""
    log_options.set_up(log_options.LogLevel.debug if verbose else log_level, log_format)
    try:
        settings = settled(
            hypervisor=hypervisor,
            mvcpu=mvcpu,
            mem_mib=mem_mib,
            disk_mib=disk_mib,
            advertise=advertise,
            ports=ports,
            classes=classes,
            disk_mib_s=disk_mib_s,
            net_mib_s=net_mib_s,
            outbound=outbound,
            proxy=proxy,
            tag=tag,
            state=state,
        )
    except OptionError as error:
        fail(str(error), EXIT_USAGE)
    _until_stopped(settings, url or DEFAULT_URL, key, service)


def _until_stopped(settings: Settings, url: str, key: Path, service: bool) -> None:
    try:
        private_key = load_private_key(key)
        urls = urls_of(url)  # Fail now: retrying cannot fix a bad URL.
        asyncio.run(_run(settings, urls, url, private_key))
    except (KeyFileError, Unreachable) as error:
        fail(str(error))
    except SetupError as error:
        fail(str(error), EXIT_USAGE if error.usage else EXIT_NOT_SO)
    except (AgentError, HypervisorError) as error:
        final = service and isinstance(error, AgentError) and error.final
        fail(f"host: {error}", EXIT_FINAL if final else EXIT_NOT_SO)


async def _run(settings: Settings, urls: Urls, told: str, key: Ed25519PrivateKey) -> None:
    version = metadata.version("headroom")
    log.write(log_events.started(version, told, settings.hypervisor))
    kept = await asyncio.to_thread(kept_file, settings.state, key)
    core, machine = await asyncio.to_thread(set_up, settings, urls, key, kept)
    running = asyncio.create_task(Agent(core, machine, urls, key, kept.keep_offer).run())
    loop, stay = asyncio.get_running_loop(), settings.hypervisor != "memory"

    def end() -> None:
        end_in_time(stay)
        running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        await running
    except asyncio.CancelledError:
        log.write(log_events.stopped(stay))


@app.command("doctor")
def doctor(
    state: State = STATE,
    ports: Ports = "30000-30999",
    url: UrlToCompare = None,
    as_json: Json = False,
) -> None:
    """Say what this server can and cannot do, and how to fix it. Exit 1: it cannot host VMs."""
    try:
        diagnosis = checks.diagnose(state, options.port_range(ports), url)
    except OptionError as error:
        fail(str(error), EXIT_USAGE)
    print(msgspec.json.encode(diagnosis).decode() if as_json else checks.report(diagnosis))
    if not diagnosis.can_host:
        raise typer.Exit(EXIT_NOT_SO)


@app.command("build-guest")
def build_guest(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Where the two files go.")],
    as_json: Json = False,
) -> None:
    """Build a bootable demo guest: DIR/vmlinuz and DIR/initrd.gz. It serves HTTP on port 80."""
    try:
        vmlinuz, initrd = build(target)
    except BuildError as error:
        fail(str(error))
    if as_json:
        print_json({"vmlinuz": str(vmlinuz), "initrd": str(initrd)})
    else:
        print(f"built {vmlinuz} and {initrd}")


app.command(
    "install-service",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(install_service)
for _name, _command in fleet.COMMANDS.items():
    app.command(_name)(_command)
app.command("build-live")(live.build_live)
app.command("serve-netboot")(live.serve_netboot)
