"""The servers themselves: they start, copy, are promoted, go on with their data, leave nothing."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exchange.cluster.child import until
from exchange.cluster.nats import Nats
from exchange.cluster.node import Node
from exchange.cluster.ports import listens
from exchange.cluster.postgres import Postgres
from exchange.cluster.programs import ClusterError


def rows(node: Node) -> str:
    """Return how many rows ``node`` has, "" while it has no such table yet."""
    try:
        return node.sql("select count(*) from t", "headroom")
    except ClusterError:
        return ""


def test_each_test_has_an_empty_database(one_node: Postgres, postgres: str) -> None:
    name = postgres.rpartition("/")[2]
    assert one_node.primary.sql("select current_database()", name) == name
    one_node.primary.sql("create table t (n int)", name)


def test_a_commit_waits_for_one_standby(postgres_three: Postgres) -> None:
    primary = postgres_three.primary
    shown = "select string_agg(application_name || ' ' || sync_state, ', ' order by 1)"
    both = "node2 quorum, node3 quorum"
    assert until(lambda: primary.sql(f"{shown} from pg_stat_replication") == both, 30)
    primary.sql("create table t (n int)", "headroom")
    for node in postgres_three.standbys:
        node.kill()
    waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
    with ThreadPoolExecutor(1) as pool:
        insert = pool.submit(primary.sql, "insert into t values (1)", "headroom")
        assert until(lambda: primary.sql(waiting) == "1", 30)
        assert not insert.done()
        postgres_three.standbys[0].start()
        insert.result()


def test_the_standby_that_has_most_becomes_the_primary(postgres_three: Postgres) -> None:
    first, (behind, ahead) = postgres_three.primary, postgres_three.standbys
    first.sql("create table t (n int)", "headroom")
    assert until(lambda: rows(behind) == "0", 30)
    behind.kill()
    first.sql("insert into t select generate_series(1, 500)", "headroom")
    first.kill()
    behind.start()
    assert postgres_three.promote() is ahead
    ahead.sql("insert into t values (501)", "headroom")  # which the other standby confirms
    assert until(lambda: rows(behind) == "501", 30)
    postgres_three.rejoin(first.name)
    assert until(lambda: rows(first) == "501", 30)


def test_two_primaries_are_refused(postgres_three: Postgres) -> None:
    with pytest.raises(ClusterError, match="node1 runs and is the primary: stop it first"):
        postgres_three.promote()


def test_a_folder_goes_on_with_its_data(cluster_folder: Path) -> None:
    for count in ("1", "2"):
        nodes = Postgres(cluster_folder, 3, print)
        nodes.start()
        nodes.create("headroom")
        nodes.primary.sql("create table if not exists t (n int)", "headroom")
        nodes.primary.sql("insert into t values (1)", "headroom")
        assert rows(nodes.primary) == count
        if count == "1":
            nodes.primary.kill()
            nodes.promote()
        nodes.stop()


def test_nats_goes_on_at_its_port(nats: Nats, cluster_folder: Path) -> None:
    nats.kill()
    again = Nats(cluster_folder, print)
    assert again.url == nats.url
    again.start()
    again.stop()


def test_servers_end_with_whoever_started_them(cluster_folder: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from exchange.cluster.nats import Nats
        from exchange.cluster.postgres import Postgres
        nodes, nats = Postgres(Path(sys.argv[1]), 1, print), Nats(Path(sys.argv[1]), print)
        nodes.start(), nats.start()
        print(nodes.primary.port, nats.url.rpartition(":")[2], flush=True)
        sys.stdin.read()
    """
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(cluster_folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    with starter:
        last = next(line for line in starter.stdout if line[0].isdigit())
        ports = [int(word) for word in last.split()]
        assert all(listens(port) for port in ports)
        os.kill(starter.pid, signal.SIGKILL)
    assert until(lambda: not any(listens(port) for port in ports), 30)
