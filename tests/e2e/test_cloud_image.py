"""An ordinary cloud image sets itself up from the renter's user data: Debian with cloud-init.

From `image put` to a page that shows the user data's text, with the documented commands.
"""

import asyncio
from pathlib import Path

from exchange.client import Client, Event
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.requests import LeaseRelease, VmStart
from tests.e2e.cloud_disk import cloud_disk
from tests.e2e.test_chain import leased
from tests.e2e.wait import event, eventually, http_get

TOLD = "Told by the renter: caf\u00e9, <b> & 'c'"
USER_DATA = f"""#cloud-config
write_files:
  - path: /srv/www/index.html
    content: |
      {TOLD}
runcmd:
  - [systemd-run, --working-directory=/srv/www, python3, -m, http.server, "80"]
"""
BOOTS_S = 900
"""As long as a host gives an emulated guest."""


async def serves(buyer: Client, lease: LeaseUpdate, image: str) -> None:
    """Start the VM and read its page; ready means that it serves."""
    request = VmStart(
        req_id=1,
        lease_id=lease.lease_id,
        name="debian",
        image=image,
        user_data=USER_DATA,
        ports=[80],
    )
    await buyer.request(request)

    def ready(one: Event) -> bool:
        assert not (isinstance(one, VmUpdate) and one.state == "failed"), one
        return isinstance(one, VmUpdate) and one.ready_ms is not None

    vm = await event(buyer, ready, BOOTS_S)
    assert isinstance(vm, VmUpdate)
    at = vm.endpoints[0]
    status, page = await http_get(at.address, at.port)
    assert (status, page.strip()) == (200, TOLD)


async def story(folder: Path, state: Path) -> None:
    disk = await asyncio.to_thread(cloud_disk)
    async with leased(folder, state, disk) as (buyer, lease, image):
        await serves(buyer, lease, image)
        await buyer.request(LeaseRelease(req_id=1, lease_id=lease.lease_id))

        async def gone() -> bool | None:
            return None if list((state / "vms").iterdir()) else True

        await eventually(gone, 60, "disk and seed go with the VM")


def test_a_debian_cloud_image_shows_the_renters_user_data(tmp_path: Path, state: Path) -> None:
    asyncio.run(story(tmp_path, state))
