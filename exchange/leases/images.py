"""Images in the engine's state: who stored, offers and bought one.

The shell handles the bytes. Source: rules.md 9; protocol.md, "Images".
"""

from exchange.model.commands import Command, ImageDeleted, ImageStored
from exchange.model.records import Image, ImageOffered
from exchange.model.state import State
from exchange.wire.requests import ImageBuy, ImageOffer
from exchange.wire.results import Done, Refused
from exchange.wire.types import RefusedAmounts

UNKNOWN = Refused("image_unknown", "you have no image with this digest", "sha256")


def may_use(image: Image | None, account_id: str) -> bool:
    """May the account see and run the image: did it upload all bytes, or buy it?"""
    return image is not None and (account_id in image.owners or account_id in image.buyers)


def stored(state: State, command: Command, message: ImageStored) -> Done | Refused:
    """An account uploaded all bytes of an image."""
    known = state.images.get(message.sha256)
    if known is None:
        known = Image(message.sha256, message.size, message.format, [], [], {})
        state.images[message.sha256] = known
    unchanged = message.account in known.owners
    if not unchanged:
        known.owners.append(message.account)
    return Done({"sha256": message.sha256}, duplicate=unchanged)


def deleted(state: State, command: Command, message: ImageDeleted) -> Done | Refused:
    """An account gives an image up; the last holder's exit removes it."""
    known = state.images.get(message.sha256)
    if known is None or not may_use(known, message.account):
        return UNKNOWN
    known.offers.pop(message.account, None)
    for holders in (known.owners, known.buyers):
        if message.account in holders:
            holders.remove(message.account)
    if not known.owners and not known.buyers:
        del state.images[message.sha256]
    return Done({"sha256": message.sha256})


def offer(state: State, command: Command, request: ImageOffer) -> Done | Refused:
    """An account that uploaded an image sells copies of it."""
    known = state.images.get(request.sha256)
    if known is None or command.account not in known.owners:
        return UNKNOWN
    offered = ImageOffered(request.title, request.price_ucr)
    if known.offers.get(command.account) == offered:
        return Done({"sha256": request.sha256}, duplicate=True)
    known.offers[command.account] = offered
    return Done({"sha256": request.sha256})


def buy(state: State, command: Command, request: ImageBuy) -> Done | Refused:
    """Pay the cheapest offer (the oldest of equals); buying twice costs once."""
    known = state.images.get(request.sha256)
    if may_use(known, command.account):
        return Done({"sha256": request.sha256, "duplicate": True}, duplicate=True)
    seller_id = _cheapest_seller(known) if known is not None else None
    if known is None or seller_id is None:
        return UNKNOWN
    price_ucr = known.offers[seller_id].price_ucr
    accounts = state.ledger.accounts
    buyer = accounts[command.account]
    if price_ucr > buyer.available_ucr:
        text = f"the image costs {price_ucr} ucr, {buyer.available_ucr} are available"
        amounts = RefusedAmounts(needed_ucr=price_ucr, available_ucr=buyer.available_ucr)
        return Refused("insufficient_funds", text, amounts=amounts)
    state.ledger.hold(buyer, price_ucr, "image")
    state.ledger.pay_held(buyer, accounts[seller_id], price_ucr, 0, "image")
    known.buyers.append(command.account)
    return Done({"sha256": request.sha256, "duplicate": False, "price_ucr": price_ucr})


def cheapest(image: Image) -> ImageOffered | None:
    """Return the offer that a buyer of ``image`` pays, if there is one."""
    seller_id = _cheapest_seller(image)
    return None if seller_id is None else image.offers[seller_id]


def _cheapest_seller(image: Image) -> str | None:
    return min(image.offers, key=lambda name: image.offers[name].price_ucr, default=None)
