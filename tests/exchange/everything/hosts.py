"""What hosts, their owners and those who sell images do in `Everything`."""

from typing import Final

from exchange.model.commands import (
    EnrollHost,
    HostBack,
    HostLost,
    HostSilent,
    ImageDeleted,
    ImageStored,
)
from exchange.wire.requests import (
    HostAnnounce,
    HostApprove,
    HostDrain,
    HostOffer,
    HostSynced,
    HostToken,
    HostVm,
    ImageBuy,
    ImageOffer,
)
from exchange.wire.types import Capacity, HostLimits, OwnerLimit
from tests.exchange.everything.scene import IMAGES, OWNERS, Scene
from tests.exchange.support.market import SMALL_UNIT

SECRETS: Final = ("1" * 64, "2" * 64, "3" * 64)


def public_key(which: int) -> str:
    """Return one of ten keys that are well formed."""
    return f"{which}" * 43 + "="


class Owners(Scene):
    """Hosts speak while they are pending, silent or lost; images are bought twice."""

    # --- hosts ---

    def token(self) -> None:
        secret = self.random.choice(SECRETS)
        zone = "eu-xx" if self.chance(8) else "eu-de"
        uses = self.random.choice((1, 3, 3))
        message = HostToken(req_id=1, zone=zone, token_sha256=secret, uses=uses, ttl_s=600)
        self.send(message, self.random.choice(OWNERS))

    def enroll(self) -> None:
        which = self.random.randrange(4)
        secret, key = self.random.choice(SECRETS), public_key(self.random.randrange(6))
        self.send(EnrollHost(secret, "more", f"more hardware {which}", key))

    def approve(self) -> None:
        waiting = [host.host_id for host in self.state.hosts.values() if host.status == "pending"]
        host = self.random.choice(waiting) if waiting and self.chance(2) else self.host()
        self.send(HostApprove(req_id=1, host=host), self.owner(host))

    def announce(self, host: str | None = None) -> None:
        units, known = self.random.choice((12, 12, 16, 3)), self.chance(12)
        room = Capacity(*(units * need for need in SMALL_UNIT))
        message = HostAnnounce(
            req_id=1,
            capacity=room,
            offered=room,
            classes=["huge"] if known else ["small"],
            cpu_model="test",
            accel="simulated",
            agent_version="1",
            boot_id="boot 1",
            limits=HostLimits(ports=2, image_mib=1) if units == 16 else None,
            paused="hypervisor_lost" if self.chance(8) else None,
        )
        self.report(message, host)

    def synced(self, host: str | None = None) -> None:
        running = [vm.vm_id for vm in self.state.vms.values() if self.chance(2)]
        vms = [HostVm(vm_id=vm_id, state="running") for vm_id in running]
        boot = self.random.choice(("boot 1", "boot 1", "boot 2"))
        self.report(HostSynced(instruction_id="i", boot_id=boot, vms=vms), host)

    def offer(self) -> None:
        host, units = self.host(), self.random.choice((None, None, None, 2, 9))
        room = None if units is None else Capacity(*(units * need for need in SMALL_UNIT))
        below_pct = self.random.choice((None, None, 10))
        lifts: tuple[list[OwnerLimit] | None, ...] = (None, [], [] if room else ["offered"])
        lift = self.random.choice(lifts)
        message = HostOffer(
            req_id=1, host=host, offered=room, residual_below_pct=below_pct, lift=lift
        )
        self.send(message, self.owner(host))

    def drain(self) -> None:
        host = self.host()
        message = HostDrain(req_id=1, host=host, enabled=self.chance(4))
        self.send(message, self.owner(host))

    def silence(self) -> None:
        self.send(HostSilent(self.host(), self.market.now_ms))

    def back(self, host: str | None = None) -> None:
        self.send(HostBack(host or self.host()))

    def recover(self) -> None:
        """A host that is not live is heard, or says something, in whatever order."""
        hosts = [host.host_id for host in self.state.hosts.values() if host.status != "live"]
        if hosts:
            self.random.choice((self.back, self.synced, self.announce))(self.random.choice(hosts))

    def lost(self) -> None:
        self.send(HostLost(self.host()))

    # --- images ---

    def image_stored(self) -> None:
        account = self.random.choice(OWNERS)
        self.send(ImageStored(account, self.random.choice(IMAGES), 1_000_000, "bundle"))

    def image_deleted(self) -> None:
        self.send(ImageDeleted(self.account(), self.random.choice(IMAGES[1:])))

    def image_offer(self) -> None:
        price_ucr = self.random.choice((7, 7, 7, 50_000))
        message = ImageOffer(
            req_id=1, sha256=self.random.choice(IMAGES), title="x", price_ucr=price_ucr
        )
        self.send(message, self.account())

    def image_buy(self) -> None:
        image = IMAGES[0] if self.chance(4) else self.random.choice(IMAGES[1:])
        self.send(ImageBuy(req_id=1, sha256=image), self.account())
