"""Handles requests about VM images: checks who may see, fetch, store and delete one. Pure.

put and get belong to /v1/images, so that bytes never delay orders; the others answer on either
connection. Source: protocol.md, "Images".
"""

from typing import Final

from exchange.gateway.context import Context
from exchange.model.commands import ImageDeleted, ImageStored
from exchange.session.outbox import ImageJob
from exchange.session.session import Session
from exchange.wire import requests
from exchange.wire.results import Refused
from exchange.wire.text import account_tag

_UNKNOWN: Final = Refused("image_unknown", "you have no image with this digest", "sha256")
_ELSEWHERE: Final = Refused("forbidden", "image bytes move on /v1/images")


def put(context: Context, session: Session, message: requests.ImagePut, now_ms: int) -> None:
    if session.purpose != "images":
        context.refuse(session, message, _ELSEWHERE)
        return
    may_read = _may_read(context, session, message.sha256)
    image = context.engine.image(message.sha256) if may_read else None
    if image is not None and image.size != message.size:
        text = f"the image with this digest has {image.size} bytes"
        context.refuse(session, message, Refused("image_invalid", text, "size"))
        return
    used = sum(row.size for row in context.engine.usable_images(session.account))
    account, digest, uploads = session.account, message.sha256, context.uploads
    if image is None and not uploads.fits(account, digest, message.size, used):
        text = f"{used} of {uploads.quota_bytes} bytes are used, and uploads count when they begin"
        context.refuse(session, message, Refused("quota_exceeded", text, "size"))
        return
    if image is None:
        uploads.reserve(account_tag(account), digest, message.size)
    size = image.size if image else 0
    context.jobs.append(ImageJob(session.number, session.account, message, size))


def get(context: Context, session: Session, message: requests.ImageGet, now_ms: int) -> None:
    may_read = _may_read(context, session, message.sha256)
    image = context.engine.image(message.sha256) if may_read else None
    if session.purpose != "images" or image is None:
        context.refuse(session, message, _UNKNOWN if image is None else _ELSEWHERE)
        return
    job = ImageJob(session.number, session.account, message, image.size, image.format)
    context.jobs.append(job)


def stat(context: Context, session: Session, message: requests.ImageStat, now_ms: int) -> None:
    may_read = _may_read(context, session, message.sha256)
    image = context.engine.image(message.sha256) if may_read else None
    if image is None:
        context.refuse(session, message, _UNKNOWN)
        return
    result = {"sha256": image.sha256, "size": image.size, "format": image.format}
    context.ack(session, message, result)


def delete(context: Context, session: Session, message: requests.ImageDelete, now_ms: int) -> None:
    context.command(session, ImageDeleted(session.account, message.sha256), now_ms, message)


def arrived(context: Context, job: ImageJob, message: requests.ImagePut, now_ms: int) -> None:
    """All bytes are on disk and verified: make the image the account's own, then say so."""
    context.uploads.release(account_tag(job.account), message.sha256)
    stored = ImageStored(job.account, message.sha256, message.size, message.format)
    session = context.sessions.get(job.session)
    if session is None:
        context.internal(stored, now_ms)
    else:
        context.command(session, stored, now_ms, message)


def _may_read(context: Context, session: Session, digest: str) -> bool:
    """Return whether the image exists and the session may read it."""
    if context.engine.image(digest) is None:
        return False
    if session.role == "host":
        return context.engine.host_may_read_image(session.host, digest)
    return context.engine.account_may_use_image(session.account, digest)
