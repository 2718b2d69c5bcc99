"""The sub-commands of `headroom`: the module of each, and what `headroom --help` says. Shell.

Nothing is imported here, so that the help is quick.
"""

from typing import Final, NamedTuple


class Mount(NamedTuple):
    """Where a sub-command lives; the module exposes a `typer.Typer` called ``app``.

    ``parts`` are its own sub-commands with their help, repeated here because `headroom --help`
    lists them without importing the modules. A test compares them with the modules.
    """

    module: str
    help: str
    parts: dict[str, str]


MOUNTS: Final[dict[str, Mount]] = {
    "demo": Mount(
        "tui.demo.demo", "All of it in one terminal: exchange, hosts, traders, the market.", {}
    ),
    "tui": Mount("tui.cli", "Watch the market in the terminal and trade on it.", {}),
    "exchange": Mount(
        "exchange.cli.exchange",
        "Run the Marketplace.",
        {
            "init": "Create a new exchange.",
            "serve": "Serve the exchange until SIGTERM.",
            "door": "Hold clients' sockets for an exchange.",
            "move": "Copy an exchange into PostgreSQL, or back.",
            "verify": "Replay the journal read-only.",
            "backup": "Copy the journal, also of a running server.",
            "rebuild": "Build the database of the past anew.",
        },
    ),
    "cluster": Mount(
        "exchange.cli.cluster",
        "Try the servers of a cluster on this machine.",
        {
            "up": "Start three PostgreSQL nodes and NATS.",
            "promote": "Have a standby take writes.",
        },
    ),
    "host": Mount(
        "hostagent.cli",
        "Run this server as a host of VMs; command many hosts.",
        {
            "enroll": "Join the exchange with a token.",
            "run": "Run the agent until SIGTERM or Ctrl-C.",
            "install-service": "Have systemd run the agent.",
            "doctor": "Say what this server can and cannot do.",
            "build-guest": "Build a bootable demo guest.",
            "build-live": "Build the image that turns a server into a host.",
            "serve-netboot": "Serve that image to a network.",
            "list": "List your hosts.",
            "approve": "Let in hosts that wait.",
            "drain": "Take hosts off the market.",
            "offer": "Limit what hosts offer.",
            "recall": "End spot leases of hosts.",
            "token": "Let hosts enroll: print new secrets.",
        },
    ),
    "manager": Mount(
        "manager.shell.cli",
        "Run the rules that buy and release.",
        {
            "init": "Write a first manager.toml from three questions.",
            "run": "Watch the load and buy, start, drain and give back.",
            "check": "Name every mistake in manager.toml.",
            "dry-run": "Print what the rules would have done on a load.",
            "status": "Show load, rules, units, stored VMs and sales.",
            "explain": "Say why a rule does or does not act.",
            "burst": "Buy units by hand and run a stored VM on them.",
            "stop-buying": "Buy nothing any more.",
            "resume-buying": "Buy again as the rules say.",
            "release-all": "Drain and release every unit.",
            "pause": "Let a rule do nothing.",
            "resume": "Let a paused or stopped rule act again.",
            "delete-rule": "Take a rule away.",
            "hibernate": "Sell nothing, and recall what is sold.",
            "reload": "Have the Manager read its file again.",
            "web-link": "Print a link that lets one browser in.",
            "vm": "The library of stored VMs.",
            "install-service": "Have systemd run the Manager.",
        },
    ),
    "sim": Mount(
        "sim.cli.app",
        "Replay a workload peak in virtual time.",
        {
            "list": "List the scenarios that are shipped; each runs by its name.",
            "check": "Say what is wrong with a scenario.",
            "run": "Run every policy with every seed.",
            "record": "Write what an exchange was told into a file.",
            "replay": "Replay such a file, also without one account.",
            "serve": "Let real clients into a simulated exchange.",
            "decide": "Compare policies by what they cost in all.",
            "sweep": "Run many seeds with random faults; shrink what fails.",
            "compare": "Say what differs between two results of run.",
        },
    ),
    "key": Mount(
        "exchange.cli.key",
        "Make and show Ed25519 key files.",
        {"new": "Write a new private key.", "show": "Print the public key of a key file."},
    ),
    "account": Mount(
        "exchange.cli.account",
        "Ask about your own account.",
        {
            "statement": "Print postings, trades, charges, usage or invoices.",
            "state": "Show money, orders, leases, VMs and images.",
            "apply": "Ask the operator for an account.",
            "token": "Let hosts enroll: print a new secret.",
            "release": "Give a lease back.",
        },
    ),
    "admin": Mount(
        "exchange.cli.admin",
        "Send the operator's requests to a running exchange.",
        {
            "account": "Open an account, or rename it.",
            "key": "Give an account a key with one role.",
            "key-revoke": "End a key for good.",
            "deposit": "Book money in or out.",
            "zone": "Add a zone, or change it.",
            "instrument": "Create a spot instrument, or change it.",
            "halt": "Stop or resume trading.",
            "kill-switch": "Cancel and block orders until lifted.",
            "limits": "Change an account's limits.",
            "balances": "Read every account's money.",
            "applications": "Read who asked for an account.",
            "approve": "Open the account that was asked for.",
            "decline": "Strike an application off the list.",
        },
    ),
    "find": Mount("exchange.cli.find", "Find what you need among everybody's resources.", {}),
    "order": Mount(
        "exchange.cli.order",
        "Place, change, cancel and list your orders.",
        {
            "place": "Buy or sell units.",
            "replace": "Change the price or the quantity of an order.",
            "cancel": "Cancel orders, or all of them.",
            "list": "List your open orders.",
        },
    ),
    "lease": Mount(
        "exchange.cli.lease",
        "Leases that you rented or sold.",
        {
            "list": "List what you rent and what you let.",
            "release": "Give leases back, now or later.",
            "recall": "End spot leases with notice.",
        },
    ),
    "image": Mount(
        "exchange.cli.image",
        "Put VM images into the exchange's store, sell and buy them.",
        {
            "put": "Upload an image.",
            "list": "List the images your account may use.",
            "delete": "Give an image up.",
            "offer": "Sell copies of an image.",
            "buy": "Buy an image by its digest.",
        },
    ),
    "vm": Mount(
        "exchange.cli.vm",
        "Start, stop and look into your VMs.",
        {
            "start": "Start a VM on a lease.",
            "stop": "Stop VMs; their units stay leased.",
            "list": "List your VMs and where they are reached.",
            "console": "Print the last lines of its serial console.",
        },
    ),
    "request": Mount(
        "exchange.cli.request", "Send any one request of the wire protocol, as JSON.", {}
    ),
}
