"""What is missing for a cluster is named with the package that has it."""

from pathlib import Path

import pytest

from exchange.cluster import programs
from exchange.cluster.folder import check
from exchange.cluster.nats import Nats
from exchange.cluster.postgres import Postgres
from exchange.cluster.programs import Account, ClusterError, find, unprivileged


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system without any of the programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_POSTGRES_FOLDERS", str(tmp_path / "*" / "bin"))
    monkeypatch.setattr(programs, "_MORE_FOLDERS", ())
    return tmp_path


@pytest.mark.parametrize("program", programs.PACKAGES)
def test_a_missing_program_is_named_with_its_package(bare: Path, program: str) -> None:
    package = programs.PACKAGES[program]
    with pytest.raises(ClusterError) as told:
        find(program)
    assert str(told.value) == f"{program} is not here; install the Debian package {package}"


def test_nothing_is_begun_without_the_programs(bare: Path) -> None:
    folder = bare / "new"
    with pytest.raises(ClusterError, match="initdb is not here"):
        Postgres(folder, 3, print)
    with pytest.raises(ClusterError, match="nats-server is not here"):
        Nats(folder, print)
    assert not folder.exists()


def test_the_newest_postgres_is_taken(bare: Path) -> None:
    for version in ("9.6", "9", "15", "old"):
        there = bare / version / "bin" / "postgres"
        there.parent.mkdir(parents=True)
        there.touch(0o755)
    assert find("postgres") == str(bare / "15" / "bin" / "postgres")


def test_a_missing_user_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(ClusterError, match=r"no user nobody-here .* package postgresql"):
        unprivileged("nobody-here", "postgresql")


@pytest.mark.parametrize("path", ["relative", "/tmp/a b", "/tmp/it's", "/tmp/new\nline"])
def test_a_folder_has_a_plain_path(path: str) -> None:
    with pytest.raises(ClusterError, match="a whole path of letters"):
        check(Path(path), Account())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ClusterError, match="file/new: Not a directory"):
        check(tmp_path / "file" / "new", Account())
