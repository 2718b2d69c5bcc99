"""Which copy of its journal an exchange in PostgreSQL is: see `storage.branch`. Shell.

The place is the database of one cluster of nodes: a promoted standby is the same place, a dump that
was restored elsewhere is another.
"""

import secrets
from typing import Final

from exchange.postgres.connecting import Connection, ask
from exchange.storage.branch import ID_BYTES, Drawn

_PLACE: Final = """
SELECT system_identifier || ':' || oid FROM pg_control_system(), pg_database
WHERE datname = current_database()"""
_KNOWN: Final = """
SELECT b.branch, b.place, j.seq IS NOT NULL FROM headroom.branch AS b
LEFT JOIN headroom.journal AS j ON j.seq = b.seq AND j.chain = b.chain"""


def of(url: str, seq: int, chain: bytes) -> Drawn:
    """Return the branch of the journal here, which ends with row ``seq``, and keep it.

    Raises `DatabaseError`.
    """

    async def drawn(connection: Connection) -> Drawn:
        async with connection.transaction():
            place = await connection.fetchval(_PLACE)
            known = await connection.fetchrow(_KNOWN)
            before = known[0] if known is not None else ""
            stays = known is not None and known[1] == place and known[2]
            branch = before if stays else secrets.token_hex(ID_BYTES)
            await connection.execute("DELETE FROM headroom.branch")
            sql = "INSERT INTO headroom.branch VALUES ($1, $2, $3, $4)"
            await connection.execute(sql, branch, place, seq, chain)
        return Drawn(branch, before, not stays)

    return ask(url, drawn)
