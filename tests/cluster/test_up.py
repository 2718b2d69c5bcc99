"""`headroom cluster up`: all servers come, stay with their data, and leave nothing."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exchange.cluster.child import call, until
from exchange.cluster.ports import listens
from exchange.cluster.programs import Account, ClusterError, find

LIMIT_S = 120


def up(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "headroom", "cluster", "up", "--dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def facts_of(folder: Path) -> dict[str, Any]:
    """Wait until all are up, and return what the ready file says."""
    ready = folder / "ready"
    assert until(ready.exists, LIMIT_S)
    facts: dict[str, Any] = json.loads(ready.read_text())
    return facts


def ports_of(facts: dict[str, Any]) -> list[int]:
    hosts = facts["journal"].partition("@")[2].partition("/")[0].split(",")
    return [int(host.rpartition(":")[2]) for host in (*hosts, facts["nats"])]


def rows(facts: dict[str, Any]) -> str:
    """Add a row at the primary, through the address with three nodes, and count them."""
    text = "create table if not exists t (n int); insert into t values (1); select count(*) from t"
    command = [find("psql"), "--quiet", "--tuples-only", "--no-align", facts["journal"], "-c", text]
    return call(command, Account())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_all_come_up_and_all_are_stopped(cluster_folder: Path, how: signal.Signals) -> None:
    for count in ("1", "2"):
        with up(cluster_folder) as process:
            facts = facts_of(cluster_folder)
            assert rows(facts) == count
            with up(cluster_folder) as second:
                _, err = second.communicate(timeout=LIMIT_S)
            assert f"node1 runs already, as process {facts['pids']['node1']}" in err
            assert len(ports_of(facts)) == 4 and all(map(listens, ports_of(facts)))
            process.send_signal(how)
            out, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, err) == (0, "")
        assert "all are up; Ctrl-C stops them" in out
        assert facts["journal"].split(":")[2].partition("@")[0] not in out, "no password is shown"
        assert not any(map(listens, ports_of(facts)))
        assert not (cluster_folder / "ready").exists()


@pytest.mark.parametrize("name", ["nats", "node1", "node2"])
def test_what_ends_by_itself_is_told_and_comes_with_the_next(
    cluster_folder: Path, name: str
) -> None:
    with up(cluster_folder) as process:
        facts = facts_of(cluster_folder)
        assert rows(facts) == "1"
        call(["kill", "-9", str(facts["pids"][name])], Account())
        assert process.stdout is not None
        told = f"{name} ended by itself; its log: {name}.log\n"
        assert told in iter(process.stdout.readline, "")
        process.terminate()
        process.communicate(timeout=LIMIT_S)
    with up(cluster_folder) as process:
        assert rows(facts_of(cluster_folder)) == "2"
        process.terminate()
        process.communicate(timeout=LIMIT_S)


def test_a_standby_takes_writes_when_the_primary_has_ended(cluster_folder: Path) -> None:
    with up(cluster_folder) as process:
        facts = facts_of(cluster_folder)
        assert rows(facts) == "1"
        with pytest.raises(ClusterError, match="node1 runs and is the primary: stop it first"):
            promote(cluster_folder)
        call(["kill", "-9", str(facts["pids"]["node1"])], Account())
        assert process.stdout is not None
        told = "node1 ended by itself; its log: node1.log\n"
        assert told in iter(process.stdout.readline, "")
        assert promote(cluster_folder).startswith("promoting PostgreSQL node")
        assert rows(facts) == "2", "at the address that names all three"
        process.terminate()
        process.communicate(timeout=LIMIT_S)
    with up(cluster_folder) as process:
        assert rows(facts_of(cluster_folder)) == "3"
        process.terminate()
        out, _ = process.communicate(timeout=LIMIT_S)
    assert "to node1\n" in out, "what was the primary gets a copy"


def promote(folder: Path) -> str:
    return call(
        [sys.executable, "-m", "headroom", "cluster", "promote", "--dir", str(folder)], Account()
    )


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no such folder"):
        promote(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with up(tmp_path / "a b") as process:
        _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert err.count("\n") == 1 and "a whole path of letters, digits" in err
