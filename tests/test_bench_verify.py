"""The benchmark of verifying runs end to end on small numbers."""

from bench.verify import figures
from bench.wire import Size


def test_what_was_served_is_verified_in_a_process_of_its_own() -> None:
    told = figures(1, 1, Size(connections=2, pipelined=5, turns=2))
    assert all(figure.value > 0 for figure in told)
    (bounded,) = [figure.name for figure in told if figure.minimum is not None]
    assert bounded == "live / verify's replay, CPU"
