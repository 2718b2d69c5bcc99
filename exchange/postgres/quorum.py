"""Whether a commit is on more than one machine when PostgreSQL says that it is done. Shell."""

from typing import Final

from exchange.postgres.connecting import Connection, DatabaseError

SYNCED: Final = ("on", "remote_apply")
"""Values of ``synchronous_commit`` under which a standby has the rows on its disk."""
LOCAL: Final = (*SYNCED, "local", "remote_write")
"""And those under which this node alone has them."""
HINT: Final = "--unsafe-single serves from one copy all the same"


async def require(connection: Connection, where: str) -> None:
    """Raise `DatabaseError` unless another node has each commit on its disk before it is done."""
    names = await connection.fetchval("SHOW synchronous_standby_names")
    if not str(names).strip():
        text = "no standby confirms commits (synchronous_standby_names is empty)"
        raise DatabaseError(f"{where}: {text}; {HINT}")
    await require_synced(connection, where, SYNCED)


async def require_synced(
    connection: Connection,
    where: str,
    allowed: tuple[str, ...] = LOCAL,
) -> None:
    """Raise `DatabaseError` unless a commit is on this node's own disk before it is done."""
    for name, values in (("fsync", ("on",)), ("synchronous_commit", allowed)):
        found = str(await connection.fetchval(f"SHOW {name}"))
        if found not in values:
            hint = f"; {HINT}" if allowed is SYNCED and name != "fsync" else ""
            raise DatabaseError(f"{where}: {name} is {found}, not {' or '.join(values)}{hint}")
