"""Writes the generated pages of the docs: ``python -m exchange.cli.reference [docs]``. Shell.

In the message reference only the text between the two markers is replaced. A test fails when the
pages do not match the Structs.
"""

import json
import sys
from pathlib import Path
from typing import Final

from exchange.wire import schema

BEGIN: Final = "<!-- generated from the message types: python -m exchange.cli.reference -->"
END: Final = "<!-- end of the generated part -->"


def pages(docs: Path) -> dict[Path, str]:
    """Return the text each generated page should have."""
    page = docs / "protocol-reference.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    text = f"{before}{BEGIN}\n\n{schema.reference()}\n{END}{after}"
    asyncapi = json.dumps(schema.asyncapi(), indent=1, sort_keys=True) + "\n"
    return {page: text, docs / "asyncapi.json": asyncapi}


def main() -> None:
    """Update the pages in the folder given on the command line, or in docs/."""
    docs = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for path, text in pages(docs).items():
        path.write_text(text)
        sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
