"""What `tests/tidy.py` applies beside the table of rooms: pure modules, dependencies, sizes."""

from typing import Final

PACKAGES: Final = ("exchange", "manager", "hostagent", "sim", "tui")

# Puts packages together; may import everything.
COMPOSERS: Final = frozenset(
    {
        "headroom",
        *(
            f"tui.demo.{name}"
            for name in (
                *("demo", "farm", "market", "population", "runners", "site", "stage"),
                *("virtual", "virtual_links", "walk"),
            )
        ),
    }
)

# Standard modules that neither wait, nor read the world, nor differ from one run to the next.
PURE_STDLIB: Final = frozenset(
    {
        "__future__",
        "abc",
        "array",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fnmatch",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "stat",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
        "xml",
        "zlib",
        "zoneinfo",  # reads the system's table of a zone, which is the same all through a run
    }
)
PURE_PARTS: Final = ("urllib.parse",)
"""Pure modules of a package that is not."""

# Third-party packages by area. What is not named here is not a dependency of that area.
THIRD_PARTY: Final[dict[str, frozenset[str]]] = {
    "core": frozenset({"msgspec"}),
    "exchange": frozenset(
        {"msgspec", "websockets", "aiosqlite", "cryptography", "prometheus_client", "typer"}
        | {"asyncpg", "nats"}
    ),
    "manager": frozenset({"httpx", "msgspec", "prometheus_client", "tomlkit", "typer"}),
    "hostagent": frozenset({"cryptography", "msgspec", "typer"}),
    "tui": frozenset({"aiohttp", "msgspec", "textual", "rich", "typer"}),
    "sim": frozenset({"msgspec", "simpy", "cryptography", "tomlkit", "typer"}),
}
# libvirt blocks its thread and needs a C library: three modules know it, the rest knows a port.
LIBVIRT: Final = frozenset({"libvirt", "libvirtaio", "libvirt_qemu"})
LIBVIRT_MODULES: Final = frozenset(
    {
        "hostagent.machine.libvirt_connection",
        "hostagent.machine.libvirt_events",
        "hostagent.machine.libvirt_hypervisor",
    }
)

# The program loads without these packages, so their types may be imported for mypy alone.
OPTIONAL: Final = LIBVIRT

# Importing by a computed name would walk around every table above.
DYNAMIC_IMPORT: Final = frozenset({"importlib", "runpy", "pkgutil", "imp", "zipimport"})
HARMLESS_IMPORTLIB: Final = frozenset({"importlib.resources", "importlib.metadata"})

# Builtins that reach the world, or whose value differs between two runs of the same code.
IMPURE_BUILTINS: Final = frozenset(
    {
        "__import__",
        "breakpoint",
        "compile",
        "eval",
        "exec",
        "hash",
        "id",
        "input",
        "open",
        "print",
        "globals",
        "vars",
    }
)
# What it answers does not depend on the hashes; that nobody can foretell them keeps it quick.
SEEDED_HASHES: Final = frozenset({"exchange.model.hashed"})
CLOCK_ATTRIBUTES: Final = frozenset({"now", "utcnow", "today"})

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 50
COLUMNS_MAX: Final = 100
