"""Leases: of several processes, one at a time does a job, and another one if that dies."""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Table, delete

from services.database import Database


class Lease:
    """One process's claim to a job, by a row of its own in `table`.

    The clocks of the processes must agree to within a few seconds. Where they do not, two may
    do the job for a moment: it has to bear that.
    """

    def __init__(self, database: Database, table: Table, name: str, length: timedelta) -> None:
        self._database = database
        self._table = table
        self._name = name
        self._length = length
        self._holder = secrets.token_hex(8)

    async def take(self) -> bool:
        """Take it, or keep it for its whole length from now on; False while another one has it."""
        now = datetime.now(UTC)
        claim = {"holder": self._holder, "until": now + self._length}
        async with self._database.transaction() as connection:
            insertion = connection.insert(self._table).values(name=self._name, **claim)
            taken = await connection.execute(
                insertion.on_conflict_do_update(
                    index_elements=["name"],
                    set_=claim,
                    where=(self._table.c.holder == self._holder) | (self._table.c.until < now),
                )
            )
        return taken.rowcount == 1

    async def give_back(self) -> None:
        """Let another one have it at once."""
        mine = (self._table.c.name == self._name) & (self._table.c.holder == self._holder)
        async with self._database.transaction() as connection:
            await connection.execute(delete(self._table).where(mine))
