"""Requests about VM images: who may see, fetch, store and delete one. Pure.

put and get belong to /v1/images, so that bytes never delay orders; the others answer on either
connection. Source: protocol.md, "Images".
"""

from typing import TYPE_CHECKING, Final

from exchange.gateway.ports import ImageFacts
from exchange.model.commands import ImageDeleted, ImageStored
from exchange.session.outbox import ImageJob
from exchange.session.session import Session
from exchange.wire import requests
from exchange.wire.results import Refused
from exchange.wire.text import account_tag

if TYPE_CHECKING:
    from exchange.gateway.gateway import Gateway

_UNKNOWN: Final = Refused("image_unknown", "you have no image with this digest", "sha256")
_ELSEWHERE: Final = Refused("forbidden", "image bytes move on /v1/images")


def put(gateway: "Gateway", session: Session, message: requests.ImagePut, now_ms: int) -> None:
    if session.purpose != "images":
        gateway.refuse(session, message, _ELSEWHERE)
        return
    image = _readable(gateway, session, message.sha256)
    if image is not None and image.size != message.size:
        text = f"the image with this digest has {image.size} bytes"
        gateway.refuse(session, message, Refused("image_invalid", text, "size"))
        return
    used = sum(row.size for row in gateway.engine.usable_images(session.account))
    account, digest, uploads = session.account, message.sha256, gateway.uploads
    if image is None and not uploads.fits(account, digest, message.size, used):
        text = f"{used} of {uploads.quota_bytes} bytes are used, and uploads count when they begin"
        gateway.refuse(session, message, Refused("quota_exceeded", text, "size"))
        return
    if image is None:
        uploads.reserve(account_tag(account), digest, message.size)
    size = image.size if image else 0
    gateway.jobs.append(ImageJob(session.number, session.account, message, size))


def get(gateway: "Gateway", session: Session, message: requests.ImageGet, now_ms: int) -> None:
    image = _readable(gateway, session, message.sha256)
    if session.purpose != "images" or image is None:
        gateway.refuse(session, message, _UNKNOWN if image is None else _ELSEWHERE)
        return
    job = ImageJob(session.number, session.account, message, image.size, image.format)
    gateway.jobs.append(job)


def stat(gateway: "Gateway", session: Session, message: requests.ImageStat, now_ms: int) -> None:
    image = _readable(gateway, session, message.sha256)
    if image is None:
        gateway.refuse(session, message, _UNKNOWN)
        return
    result = {"sha256": image.sha256, "size": image.size, "format": image.format}
    gateway.ack(session, message, result)


def delete(
    gateway: "Gateway", session: Session, message: requests.ImageDelete, now_ms: int
) -> None:
    gateway.command(session, ImageDeleted(session.account, message.sha256), now_ms, message)


def arrived(gateway: "Gateway", job: ImageJob, message: requests.ImagePut, now_ms: int) -> None:
    """All bytes are on disk and verified: make the image the account's own, then say so."""
    gateway.uploads.release(account_tag(job.account), message.sha256)
    stored = ImageStored(job.account, message.sha256, message.size, message.format)
    session = gateway.sessions.get(job.session)
    if session is None:
        gateway.internal(stored, now_ms)
    else:
        gateway.command(session, stored, now_ms, message)


def _readable(gateway: "Gateway", session: Session, digest: str) -> ImageFacts | None:
    """Return the image if the session may read it."""
    image = gateway.engine.image(digest)
    if image is None:
        return None
    if session.role == "host":
        readable = gateway.engine.host_may_read_image(session.host, digest)
    else:
        readable = gateway.engine.account_may_use_image(session.account, digest)
    return image if readable else None
