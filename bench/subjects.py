"""The engines that are compared."""

from bench import report
from bench.book import BareBook
from bench.engine import FullEngine
from bench.lightmatching import LightMatching
from bench.measure import Maker

MAKERS: dict[str, Maker] = {
    report.BASELINE: LightMatching,
    report.BARE: BareBook,
    report.FULL: FullEngine,
}
