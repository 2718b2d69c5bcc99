"""Who may import whom, and which modules are pure: docs/architecture.md as tables.

`tests/tidy.py` applies the tables, `tests/test_tidy.py` runs it over the tree. A new module is core
until it is named here as shell: purity is the default, and giving it up is a line in a review.
"""

from typing import Final

PACKAGES: Final = ("exchange", "manager", "hostagent", "sim", "tui")

# The only modules that put packages together; they may import everything.
COMPOSERS: Final = frozenset({"headroom", "tui.demo.demo", "tui.demo.stage"})

# Modules that may touch clocks, files, sockets and asyncio; everything else in these packages is
# core. In tui and sim the shell is the rule, and PURE_PARTS names what is pure.
SHELL: Final[dict[str, frozenset[str]]] = {
    "exchange": frozenset(
        {
            "account_cli",
            "admin_cli",
            "backoff",
            "backup",
            "cli",
            "cli_common",
            "client",
            "client_pages",
            "client_queue",
            "client_requests",
            "client_subscriptions",
            "clock",
            "config",
            "connection",
            "dial",
            "disk",
            "door",
            "files",
            "frame_check",
            "http_pages",
            "history_server",
            "upgrade",
            "image_cli",
            "image_client",
            "image_server",
            "image_store",
            "journal",
            "journal_schema",
            "key_cli",
            "keys",
            "loading",
            "log",
            "log_options",
            "metrics",
            "one_request",
            "past",
            "pump",
            "quarantine",
            "ready_file",
            "reference",
            "request_cli",
            "server",
            "server_log",
            "snapshot_files",
            "snapshotter",
            "starting",
            "statement_cli",
            "statements",
            "store",
            "vm_cli",
        }
    ),
    "manager": frozenset(
        {"memory_balancer", "load_http", "image_dir", "daemon", "config", "config_checks", "cli"},
    ),
    "hostagent": frozenset(
        {
            "agent",
            "build_guest",
            "cli",
            "console_log",
            "disk_image",
            "doctor",
            "facts",
            "forwarder",
            "images",
            "libvirt_hypervisor",
            "machine",
            "memory_machine",
            "probe",
            "setup",
        }
    ),
}
PURE_PARTS: Final = ("tui.view",)

# What the exchange shows to everyone outside it: the wire and the client that speaks it.
WIRE_CORE: Final = frozenset(
    {
        "account_text",
        "units",
        "protocol",
        "operator_requests",
        "wire",
        "frames",
        "reasons",
        "codec",
        "console_text",
        "log_line",
    }
)
# Not of the wire: what a line of the log looks like, and where it goes, is one thing for all three.
LOG: Final = frozenset({"log", "log_options"})
# Nor this: what every command line of ours needs, and how a file that somebody named is read.
COMMAND_LINE: Final = frozenset({"cli_common", "files"})
WIRE: Final = WIRE_CORE | LOG | COMMAND_LINE | {"backoff", "client", "image_client", "keys"}

# Shell modules whose functions are the same every time: simulated traders log in with real keys.
SIM_MAY_USE: Final = frozenset({"exchange.cli.common", "exchange.files", "exchange.keys"})

# Standard modules that neither wait, nor read the world, nor differ from one run to the next.
PURE_STDLIB: Final = frozenset(
    {
        "__future__",
        "abc",
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
    }
)

# Third-party packages by area. What is not named here is not a dependency of that area.
THIRD_PARTY: Final[dict[str, frozenset[str]]] = {
    "core": frozenset({"msgspec"}),
    "exchange": frozenset(
        {"msgspec", "websockets", "aiosqlite", "cryptography", "prometheus_client", "typer"}
    ),
    "manager": frozenset({"msgspec", "typer"}),
    "hostagent": frozenset({"cryptography", "msgspec", "typer"}),
    "tui": frozenset({"msgspec", "textual", "rich", "typer"}),
    "sim": frozenset({"msgspec", "simpy", "cryptography", "typer"}),
}
# libvirt blocks its thread and needs a C library: one module knows it, the rest knows a port.
LIBVIRT: Final = frozenset({"libvirt", "libvirtaio", "libvirt_qemu"})
LIBVIRT_MODULES: Final = frozenset({"hostagent.machine.libvirt_hypervisor"})

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
CLOCK_ATTRIBUTES: Final = frozenset({"now", "utcnow", "today"})

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 50
COLUMNS_MAX: Final = 100
