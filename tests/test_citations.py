"""Every citation of the docs, in code, tests and pages, leads to a section that is there."""

import pytest

from tests.citations import check_citations
from tests.test_tidy import files, relative

CITING = {".py", ".md", ".toml"}
NOT_READ = {"CHANGELOG.md", "test_citations.py"}
"""The changelog keeps the words of its day; here stand the planted mistakes."""


def test_every_citation_names_a_section_that_exists() -> None:
    wrong = [
        line
        for path in files()
        if path.suffix in CITING and path.name not in NOT_READ
        for line in check_citations(relative(path), path.read_text("utf-8"))
    ]
    assert not wrong, "\n".join(wrong)


GOOD = [
    "rules.md 5.3",
    "rules.md 9",
    "rules.md 3.1, 3.3 and 4.1",
    "docs/rules.md",
    'protocol.md, "Login"',
    'protocol.md, "Orders" and "Account channel"',
    "scenario.md, ``[[fault]]``",
    "docs/decisions/0020-snapshots.md",
    "decision 20",
    "CONTRIBUTING.md",
]
WRONG = [
    ('domain.md, "Leases"', "there is no page docs/domain.md"),
    ("rules.md 5.99", "rules.md has no section '5.99'"),
    ("rules.md 5.3, 5.99", "rules.md has no section '5.99'"),
    ("rules.md 5.3 to 5.99", "rules.md has no section '5.99'"),
    ("rules.md", "which section of rules.md?"),
    ("architecture.md section 1", "which section of architecture.md?"),
    ('protocol.md, "Logging in"', "protocol.md has no section 'Logging in'"),
    ('protocol.md ("Login" and "Logout")', "protocol.md has no section 'Logout'"),
    ("scenario.md, ``[[flood]]``", "scenario.md has no section '[[flood]]'"),
    ("docs/decisions/0020-snap.md", "there is no decision 0020-snap"),
    ("decision 9999", "there is no decision 9999"),
]


@pytest.mark.parametrize("cited", GOOD)
@pytest.mark.parametrize("place", ['"""Why ({})."""\n', "x = 1  # {}\n"])
def test_a_citation_that_leads_somewhere_is_right(cited: str, place: str) -> None:
    assert check_citations("a.py", place.replace("{}", cited)) == []


@pytest.mark.parametrize(("cited", "what"), WRONG)
@pytest.mark.parametrize(
    ("place", "line"),
    [
        ('"""What.\n\nWhy ({})."""\n', 3),
        ('"""What, see\n{} here."""\n', 2),
        ("class A:\n    x = 1\n    '''Of {}.'''\n", 3),
        ("x = 1\n# one\n# {}: two\n", 3),
    ],
)
def test_a_citation_that_leads_nowhere_is_found(
    cited: str, what: str, place: str, line: int
) -> None:
    wrapped = place.replace("{}", cited)
    assert check_citations("a.py", wrapped) == [f"a.py:{line}: {what}"]
    split = place.replace("{}", cited.replace(" ", "\n# " if "#" in place else "\n", 1))
    assert [one.partition(": ")[2] for one in check_citations("a.py", split)] == [what]


def test_pages_and_settings_are_looked_through() -> None:
    """A page may name another as a whole; its examples are no citations."""
    page = "See rules.md.\n```\nrules.md 5.99\n```\nAnd rules.md 5.99."
    assert check_citations("a.md", page) == ["a.md:5: rules.md has no section '5.99'"]
    settings = "# as domain.md says\n"
    assert check_citations("a.toml", settings) == ["a.toml:1: there is no page docs/domain.md"]


def test_a_path_in_any_string_of_the_code_exists() -> None:
    """As in the help of an option; other strings may hold anything."""
    wrong = check_citations("a.py", 'x = f("see docs/domain.md")\n')
    assert wrong == ["a.py:1: there is no page docs/domain.md"]
    assert check_citations("a.py", 'x = f("domain.md", "rules.md", "rules.md 5.99")\n') == []
