"""How many lines of a kind the log takes."""

from exchange.log.line import line
from exchange.log.rate import PER_S, SAVED_S, SILENCE_MS, Rate

AT_MS = 1_795_984_846_123
TOLD = line("info", "host_silent", "host r1-01 (h-3) is silent", host="h-3", name="r1-01")


def test_a_flood_of_one_kind_is_told_as_a_number() -> None:
    rate, other = Rate(), line("info", "cut", "another")
    taken = sum(rate.takes(TOLD, AT_MS + number) for number in range(1_000))
    assert PER_S * SAVED_S <= taken <= PER_S * SAVED_S + PER_S
    assert rate.takes(other, AT_MS + 1_000)
    assert rate.left_out(AT_MS + 1_000) == []
    [summary] = rate.left_out(AT_MS + 1_000 + SILENCE_MS)
    assert (summary.level, summary.event) == ("info", "suppressed")
    assert summary.text == f"{1_000 - taken} more suppressed: host silent"
    assert rate.left_out() == []
