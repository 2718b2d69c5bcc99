"""Real PostgreSQL nodes and a real NATS server, for the tests that need them.

`postgres`: the address of an empty database of one node. `postgres_three`: a primary and two
standbys of its own for the test, to stop, kill and promote. `nats`: a server for the test alone.
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from exchange.cluster.nats import Nats
from exchange.cluster.postgres import Postgres

_NUMBERS: Final = itertools.count(1)


@pytest.fixture(scope="session")
def one_node() -> Iterator[Postgres]:
    """One node that all tests of this process share."""
    folder = new_folder()
    node = Postgres(folder, 1, print)
    node.start()
    yield node
    node.stop()
    shutil.rmtree(folder)


@pytest.fixture
def postgres(one_node: Postgres) -> Iterator[str]:
    """The address of a database that only this test uses."""
    name = f"test_{next(_NUMBERS)}"
    yield one_node.create(name)
    one_node.drop(name)


@pytest.fixture
def postgres_three(cluster_folder: Path) -> Iterator[Postgres]:
    """A primary and two standbys, with the empty database ``headroom``."""
    nodes = Postgres(cluster_folder, 3, print)
    nodes.start()
    nodes.create("headroom")
    yield nodes
    nodes.stop()


@pytest.fixture
def nats(cluster_folder: Path) -> Iterator[Nats]:
    """A NATS server, which the test may stop or kill and start again."""
    server = Nats(cluster_folder, print)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cluster_folder() -> Iterator[Path]:
    """A folder that the users of the servers may enter, which pytest's own is not."""
    folder = new_folder()
    yield folder
    shutil.rmtree(folder)


def new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="h-cluster-", dir="/tmp"))
    folder.rmdir()  # made again by the cluster, as it needs it
    return folder
