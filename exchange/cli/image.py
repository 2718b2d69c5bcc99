"""`headroom image`: put VM images into the exchange's store, list, sell, buy and delete them."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.common import (
    DEFAULT_URL,
    Json,
    Key,
    Url,
    credits_option,
    either,
    fail,
    money,
    print_json,
)
from exchange.cli.one_request import ask, checked, refusal, show
from exchange.client import Refused, Unknown, Unreachable, put_image
from exchange.client.images import BUNDLE_FILES, looked_at, pack_bundle
from exchange.files import require_regular, why
from exchange.keys import KeyFileError, load_private_key
from exchange.wire.requests import ImageBuy, ImageDelete, ImageList, ImageOffer
from exchange.wire.text import printable
from exchange.wire.types import ImageFormat

app = typer.Typer(
    no_args_is_help=True, help="Put VM images into the exchange's store, sell and buy them."
)

Price = Annotated[int | None, credits_option("--price", "What a copy costs, paid once.")]
PriceUcr = Annotated[
    int | None, typer.Option("--price-ucr", min=0, help="The same in micro-credits.")
]
Digest = Annotated[str, typer.Argument(help="The image's SHA-256.")]


@app.command("put")
def put(
    path: Annotated[Path, typer.Argument(help="A folder with vmlinuz and initrd.gz, or a disk.")],
    key: Key,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Upload PATH, resuming an earlier attempt, and print its SHA-256."""
    try:
        digest = _put_folder(url, key, path) if path.is_dir() else _put_disk(url, key, path)
    except (KeyFileError, Unreachable, Unknown) as error:
        fail(str(error))
    except Refused as error:
        fail(refusal(error))
    except FileNotFoundError as error:
        fail(f"{error.filename}: no such file or folder")
    except OSError as error:
        fail(f"{error.filename or tempfile.gettempdir()}: {why(error)}")
    print_json({"sha256": digest}) if as_json else print(digest)


@app.command("list")
def listing(
    key: Key,
    for_sale: Annotated[
        bool, typer.Option("--for-sale", help="Those of which anybody sells copies.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the images your account may use, or those that are for sale."""
    result = ask(url, key, ImageList(req_id=1, for_sale=for_sale))
    if as_json:
        print_json(result)
        return
    for row in result.get("for_sale", ()):
        price = "yours" if row["usable"] else money(row["price_ucr"])
        title = printable(row["title"])
        print(f"{row['sha256']}  {row['size']:>12}  {row['format']:6}  {price:>12}  {title}")
    for row in result.get("images", ()):
        print(f"{row['sha256']}  {row['size']:>12}  {row['format']}")
    if not any(result.values()):
        print("0 images for sale" if for_sale else "0 images")


@app.command("delete")
def delete(digest: Digest, key: Key, url: Url = None, as_json: Json = False) -> None:
    """Give an image up."""
    message = checked("image delete", {"sha256": digest}, ImageDelete)
    show(ask(url, key, message), as_json)


@app.command("offer")
def offer(
    digest: Digest,
    title: Annotated[str, typer.Option(help="What it is, for the buyer.")],
    key: Key,
    price: Price = None,
    price_ucr: PriceUcr = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Sell copies of an image that you uploaded."""
    asked = {"--price": price, "--price-ucr": price_ucr}
    fields = {"sha256": digest, "title": title, "price_ucr": either("image offer", asked, True)}
    message = checked("image offer", fields, ImageOffer)
    show(ask(url, key, message), as_json)


@app.command("buy")
def buy(digest: Digest, key: Key, url: Url = None, as_json: Json = False) -> None:
    """Buy an image by its digest, at the lowest price asked for it; twice costs once."""
    show(ask(url, key, checked("image buy", {"sha256": digest}, ImageBuy)), as_json)


def _put_folder(url: str | None, key: Path, folder: Path) -> str:
    for name in BUNDLE_FILES:
        try:
            require_regular(folder / name)
        except FileNotFoundError:
            fail(f"{folder}: no {name} in it; a bundle has {' and '.join(BUNDLE_FILES)}")
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "bundle.tar"
        pack_bundle(folder, bundle)
        return _put(url, key, bundle, "bundle")


def _put_disk(url: str | None, key: Path, path: Path) -> str:
    image_format, mistake = looked_at(path)
    if mistake is not None:
        fail(f"{path}: {mistake}")
    return _put(url, key, path, image_format)


def _put(url: str | None, key: Path, path: Path, image_format: ImageFormat) -> str:
    private_key = load_private_key(key)
    return asyncio.run(put_image(url or DEFAULT_URL, private_key, path, image_format))
