"""`headroom` with a planted bug by which state changes without a row. Only for test_unlawful.py.

python -m tests.crash.unlawful WIRE_NAME exchange serve ...
"""

import sys

import headroom
from tests.exchange.support.planted_bugs import BUGS, planted, wire_name


def main() -> None:
    name = sys.argv.pop(1)
    (kind,) = [kind for kind in BUGS if wire_name(kind) == name]
    with planted(kind):
        headroom.main()


if __name__ == "__main__":
    main()
