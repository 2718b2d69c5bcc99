"""The story in one sitting: units found in words carry a peak and go; then one's own are sold."""

from tests.manager.shell.test_live import Guest
from tests.tui.story.seats import Seat, sees

NEED = "4 small in Germany below 0.03"
QUIET_RPS, PEAK_RPS = 120, 372
"""Four servers of one's own serve 100 each."""


async def peak(seat: Seat, guest: Guest) -> None:
    """From the first look at the load to the last unit's end."""
    guest.per_s = QUIET_RPS
    await seat.press("f8")
    await sees(seat, "30 % of 4 in service", "last 5 min")
    await seat.press(*"iiii")
    await sees(seat, "last 1 min")
    seat.title("A quiet evening: four servers of our own, nothing is rented")
    await seat.rest(3)
    guest.per_s = PEAK_RPS
    await sees(seat, "93 % of 4 in service")
    seat.title("The peak comes: they will not last")
    await seat.rest(3)
    await find(seat)
    await seat.press("f8")
    await sees(seat, "LOAD AND UNITS")
    await seat.press("tab")
    seat.title("Automation: bought, starting, ready, in the balancer")
    await sees(seat, "4 in the balancer", "46.5 % of 8 in service")
    await seat.rest(2)
    await sees(seat, "4 in the balancer", without="is ready")  # its toasts are over
    await seat.rest(2)
    guest.per_s = QUIET_RPS
    seat.title("The peak is over: give all of it back")
    await sees(seat, "15 % of 8 in service")
    await seat.rest(2)
    await give_back(seat)


async def find(seat: Seat) -> None:
    seat.title("Find (F6): say what you need")
    await seat.press("f6")
    await sees(seat, "OFFERS", "eu-de")
    await seat.press("n", *NEED, "enter")
    await sees(seat, "4 cost 0.0800 an hour, at most 0.0200 each")
    await seat.rest(3)
    seat.title("Rent them and start a stored VM on each")
    await seat.press("r")
    await sees(seat, "stored VM", "web")
    await seat.rest(2)
    await seat.press("enter", "enter", "enter")
    await sees(seat, "Rent 4 small for at most 0.029999 each, and start web?")
    await seat.rest(3)
    await seat.press("enter")
    await sees(seat, "RENTED BY HAND", without="and start web?")


async def give_back(seat: Seat) -> None:
    await seat.press("X")
    await sees(seat, "Release")
    await seat.rest(2)
    await seat.press("enter")
    await sees(seat, "draining")
    seat.title("Requests drain, then the VMs end and the units go back")
    await sees(seat, "30 % of 4 in service", "nothing is rented", "×")
    await seat.rest(3)


async def sell(seat: Seat) -> None:
    """What is left below 10 % own load of group rack-7, flat, floor 0.015, nights only."""
    seat.title("Hosts (F5): sell what is left of our own servers")
    await seat.press("f5")
    await sees(seat, "rack-7", "r7-01", "r7-02")
    await seat.press("home", "w")
    await sees(seat, "OFFER")
    await seat.press(
        "down", "right", "down", *"10", "down", "down", "left", "down", "down", "right"
    )
    await sees(seat, "nights only, 20:00-07:00")
    await seat.press("down", "down", "down", "right", "down", "down", *"0.015", "enter")
    await sees(seat, "put it in force", "flat, nights only, by the best ask, never below")
    await seat.rest(3)
    await seat.press("enter")
    await sees(seat, "residual", without="put it in force")
    await seat.press("f3")
    await sees(seat, "▸F3 Orders", "small.eu-de.flat.", "0.0150")
