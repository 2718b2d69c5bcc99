"""The results reported to the core when an effect fails with an unexpected error. Pure."""

from hostagent.core.ports import (
    ConsoleSeen,
    DomainFailed,
    Effect,
    FetchImage,
    ImageFailed,
    ReadConsole,
    Result,
    StartDomain,
)


def failed(effect: Effect) -> Result | None:
    """Return the result that says so, the host being liable; None where the core asks again."""
    match effect:
        case FetchImage():
            return ImageFailed(effect.image, "image_unavailable")
        case StartDomain():
            return DomainFailed(effect.spec.vm_id, "start_failed")
        case ReadConsole():
            return ConsoleSeen(effect.read_id, None)
        case _:
            return None
