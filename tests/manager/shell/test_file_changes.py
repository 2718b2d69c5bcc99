"""What a file that was read again changes is told in words."""

from pathlib import Path

import pytest

from manager.shell.config import read_config
from manager.shell.config_file import ConfigFile
from manager.shell.file_changes import LISTS, SWITCHES, TABLES, file_changes
from manager.shell.settings import ONLY_AT_START
from tests.manager.shell.calm import CALM

FILE = f"schema = 1\n{CALM}"
NIGHT = '[[rule]]\nname = "night"\nwhen = "util < 2"\ndo = "release all"\n'
GROUP = '[[group]]\nname = "rack"\nhosts = ["r7-*"]\n'


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (FILE, FILE, []),
        (FILE, FILE + NIGHT, ["rule night added"]),
        (FILE + NIGHT, FILE, ["rule night removed"]),
        (FILE, FILE.replace("util < 1", "util < 3"), ["rule calm changed"]),
        (FILE, FILE + GROUP, ["group rack added"]),
        (FILE + GROUP, FILE + GROUP.replace("r7", "r8"), ["group rack changed"]),
        (FILE, FILE.replace("unit_rps = 1", "unit_rps = 2"), ["[load] changed"]),
        (FILE, FILE + "[spend]\nday = 5.0\n", ["[spend] changed"]),
        (FILE, FILE.replace("schema = 1", "schema = 1\nbuying = false"), ["buying is stopped"]),
        (FILE.replace("schema = 1", "schema = 1\nhibernate = true"), FILE, ["sells again"]),
    ],
)
def test_what_is_new_is_named(tmp_path: Path, before: str, after: str, told: list[str]) -> None:
    files = []
    for text in (before, after):
        path = tmp_path / "manager.toml"
        path.write_text(text)
        files.append(read_config(path))
    assert file_changes(*files) == told


def test_no_part_of_a_file_is_forgotten() -> None:
    told = {*LISTS, *TABLES, *SWITCHES}
    not_told = {"path", "warnings", *ONLY_AT_START}
    assert told | not_told == set(ConfigFile.__struct_fields__)
