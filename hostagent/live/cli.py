"""`headroom host build-live` and `headroom host serve-netboot`. Shell."""

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from exchange import files
from exchange.cli.common import (
    EXIT_NOT_SO,
    EXIT_TERMINATED,
    EXIT_USAGE,
    Json,
    UrlOrLater,
    fail,
    print_json,
)
from hostagent.live import build, netboot, settings
from hostagent.live.build import Recipe
from hostagent.live.netboot import NetbootError
from hostagent.live.runner import BuildError
from hostagent.live.settings import Role

SSH_KEY_MAX = 8_192

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Where the image and its parts go.")]


def build_live(
    target: Folder,
    role: Annotated[Role, typer.Option("--role", help="host or manager, unless told.")] = ("host"),
    url: UrlOrLater = None,
    token: Annotated[
        str, typer.Option("--token", help="The secret of the owner's host.token.")
    ] = "",
    ssh_key: Annotated[
        Path | None,
        typer.Option("--ssh-key", metavar="FILE", help="Let root log in with this public key."),
    ] = None,
    keep_root: Annotated[bool, typer.Option("--keep-root", help="Keep DIR/root as well.")] = False,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Where downloads are kept; else in DIR/cache."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Build the bootable image: DIR/headroom.iso, and its parts for a network boot. Needs root."""
    found = settings.checked({"role": role, "url": url or "", "token": token}, "build-live: ")
    if found.wrong:
        fail("\n".join(found.wrong), EXIT_USAGE)
    recipe = Recipe(found.values, _ssh_key(ssh_key), keep_root, cache, quiet=as_json)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        made = build.build_live(target, recipe)
    except BuildError as error:
        fail(str(error))
    sizes = {path.name: path.stat().st_size for path in made}
    if as_json:
        print_json(sizes)
        return
    for name, size in sizes.items():
        print(f"{size / 1e6:8.1f} MB  {target / name}")


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does: what was started is ended first, what was half made goes."""
    raise SystemExit(EXIT_TERMINATED)


def serve_netboot(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="What build-live wrote.", show_default=False)
    ],
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDR:PORT", help="Where to serve HTTP.")
    ] = "0.0.0.0:8780",
    tftp: Annotated[
        bool, typer.Option("--tftp", help="Serve the first boot file by TFTP, with dnsmasq.")
    ] = False,
    proxy_dhcp: Annotated[
        str | None,
        typer.Option(
            "--proxy-dhcp", metavar="IFACE", help="Answer network boots beside the DHCP server."
        ),
    ] = None,
) -> None:
    """Serve DIR to servers that boot from the network, until Ctrl-C or SIGTERM."""
    try:
        netboot.serve(folder, listen, tftp, proxy_dhcp or "", print)
    except NetbootError as error:
        fail(str(error), EXIT_USAGE if error.usage else EXIT_NOT_SO)


def _ssh_key(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = files.read(path, SSH_KEY_MAX).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"build-live: --ssh-key {path}: {error}", EXIT_USAGE)
    if "\n" in text or not text.startswith(("ssh-", "ecdsa-", "sk-")):
        fail(f"build-live: --ssh-key {path}: not one public key in OpenSSH's form", EXIT_USAGE)
    return text
