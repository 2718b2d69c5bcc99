"""What is typed while a simulation is served, and how virtual time follows real time."""

import pytest

from sim.serve.commands import Order, clock, order, seconds
from sim.serve.pace import Pace


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pause", Order("pause")),
        ("  go ", Order("go")),
        ("step", Order("step", 10.0)),
        ("step 0.5", Order("step", 0.5)),
        ("seek 90", Order("seek", 90.0)),
        ("seek 1:30", Order("seek", 5400.0)),
        ("seek 0:01:30.5", Order("seek", 90.5)),
        ("speed 600", Order("speed", 600.0)),
        ("quit", Order("quit")),
    ],
)
def test_a_command(line: str, expected: Order) -> None:
    assert order(line, 7200) == expected


@pytest.mark.parametrize(
    "line",
    [
        "jump",
        "pause now",
        "seek",
        "seek 7201",
        "seek 1:2:3:4",
        "seek x",
        "step 0",
        "step nan",
        "speed 0",
        "speed inf",
        "speed -1",
        "speed 100001",
    ],
)
def test_a_mistake_is_one_line(line: str) -> None:
    found = order(line, 7200)
    assert isinstance(found, str)
    assert "\n" not in found


def test_time_goes_at_its_speed_stands_still_and_goes_on() -> None:
    pace = Pace(60.0, now_s=100.0, at_ms=5_000)
    assert pace.due_ms(101.0) == 65_000
    assert pace.wait_s(101.0, 125_000) == 1.0
    pace.pause(101.0, 65_000)
    assert pace.due_ms(500.0) == 65_000
    pace.go(500.0)
    assert pace.due_ms(501.0) == 125_000
    pace.set_speed(1.0, 501.0, 125_000)
    assert pace.due_ms(503.0) == 127_000


@pytest.mark.parametrize("at_s", [0.0, 59.9, 60.0, 3599.0, 3600.5, 90061.0])
def test_a_time_is_told_as_it_is_typed(at_s: float) -> None:
    assert seconds(clock(at_s)) == at_s
    assert clock(-600.0) == "-0:10:00"
