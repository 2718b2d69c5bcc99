"""Key files of everybody in a simulated exchange, for real clients. Shell.

They guard nothing: whoever knows the seed has them.
"""

from pathlib import Path

from exchange.keys import KeyFileError, load_private_key, public_key_b64
from sim.network.identity import Identity
from sim.run.opening import OPERATOR
from sim.run.participant import trader_sellers
from sim.scenario.tables import Scenario


def accounts(scenario: Scenario) -> list[str]:
    """Return who has a key: the farms, sellers and traders, and the operator."""
    farms = [farm.account for farm in scenario.farms]
    sellers = [seller.name for seller in [*scenario.seller, *trader_sellers(scenario)]]
    return [*farms, *sellers, OPERATOR]


def write_keys(scenario: Scenario, seed: int, folder: Path) -> None:
    """Write ``ACCOUNT.key`` for each; those of the same run are left. Raises `KeyFileError`."""
    for account in accounts(scenario):
        path, identity = folder / f"{account}.key", Identity(seed, account)
        if not path.exists():
            identity.save(path)
        elif public_key_b64(load_private_key(path)) != identity.public_key:
            raise KeyFileError(f"{path}: another key is there")
