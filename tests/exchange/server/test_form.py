"""A serving exchange says whether it is compiled.

`make test-compiled` names the form that its tests must run on, so that it cannot test the source by
mistake.
"""

import os

import pytest

from exchange.server.form import FORM, form_of
from exchange.server.ready_file import print_url


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/usr/lib/exchange/trading/execution.py", "interpreted"),
        ("/usr/lib/exchange/trading/execution.pyc", "interpreted"),
        ("/lib/exchange/trading/execution.cpython-311-x86_64-linux-gnu.so", "compiled"),
        (None, "interpreted"),
    ],
)
def test_a_module_loaded_from_source_is_interpreted(path: str | None, form: str) -> None:
    assert form_of(path) == form


def test_the_form_is_the_one_that_is_tested() -> None:
    assert os.environ.get("HEADROOM_FORM", "interpreted") == FORM


def test_the_line_of_a_server_ends_with_its_form(capsys: pytest.CaptureFixture[str]) -> None:
    print_url("ws://127.0.0.1:1/v1/ws")
    assert capsys.readouterr().out == f"headroom: serving ws://127.0.0.1:1/v1/ws ({FORM})\n"
