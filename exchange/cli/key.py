"""`headroom key`: make a key pair, show the public half of one."""

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import Json, fail, print_json
from exchange.keys import KeyFileError, load_private_key, new_key, public_key_b64

app = typer.Typer(no_args_is_help=True, help="Make and show Ed25519 key files.")

KeyPath = Annotated[Path, typer.Argument(help="The key file (PKCS8 PEM, readable by you only).")]


@app.command("new")
def new(path: KeyPath, as_json: Json = False) -> None:
    """Write a new private key to PATH (never over an old one) and print its public key."""
    try:
        public_key = new_key(path)
    except KeyFileError as error:
        fail(str(error))
    _print_key(path, public_key, as_json)


@app.command("show")
def show(path: KeyPath, as_json: Json = False) -> None:
    """Print the public key of the private key file PATH."""
    try:
        public_key = public_key_b64(load_private_key(path))
    except KeyFileError as error:
        fail(str(error))
    _print_key(path, public_key, as_json)


def _print_key(path: Path, public_key: str, as_json: bool) -> None:
    if as_json:
        print_json({"path": str(path), "public_key": public_key})
    else:
        print(public_key)
