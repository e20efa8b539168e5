"""The schema: made by migrations, by several processes at once, and what the code believes."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from models.steps import Service
from services.database import Database, StoreUnavailable
from tests.databases import Stores
from tests.services.cases import METADATA

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("service", Service)
async def test_migrated_schema_is_the_one_in_the_code(service: Service, stores: Stores) -> None:
    store = await stores.open(service)
    other = await stores.open(service, await stores.empty_url(service))
    if stores.kind == "sqlite":
        other._engines.create()
    async with other._engines.writing.begin() as connection:
        await connection.run_sync(METADATA[service].create_all)
        declared = await connection.run_sync(_checks)
    async with store._engines.writing.connect() as connection:
        assert await connection.run_sync(_differences, service) == []
        assert await connection.run_sync(_checks) == declared


def _differences(connection: Connection, service: Service) -> Any:
    return compare_metadata(MigrationContext.configure(connection), METADATA[service])


def _checks(connection: Connection) -> set[tuple[str, str, str]]:
    """Every table's check constraints, which alembic does not compare."""
    inspector = inspect(connection)
    return {
        (table, str(check["name"]), check["sqltext"])
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }


async def test_migrating_again_changes_nothing(stores: Stores) -> None:
    store = await stores.open(Service.POINTS)
    await store.migrate(Service.POINTS)
    assert await _version(store) == "0001"


async def test_several_migrate_at_once(stores: Stores) -> None:
    for _ in range(10 if stores.kind == "sqlite" else 2):
        url = await stores.empty_url(Service.POINTS)
        databases = [Database(url) for _ in range(6)]
        await asyncio.gather(*(database.migrate(Service.POINTS) for database in databases))
        assert await _version(databases[0]) == "0001"
        await asyncio.gather(*(database.close() for database in databases))


MIGRATE = """
import asyncio, sys
from services.database import Database
async def main():
    database = Database(sys.argv[1])
    await database.migrate("points")
    await database.close()
    print("alembic" in sys.modules)
asyncio.run(main())
"""


async def test_several_processes_migrate_at_once_and_later_ones_need_no_alembic(
    stores: Stores,
) -> None:
    url = await stores.empty_url(Service.POINTS)
    assert "True\n" in await asyncio.gather(*(_in_a_process(url) for _ in range(3)))
    assert await _in_a_process(url) == "False\n"


async def _in_a_process(url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MIGRATE, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_refuses_a_schema_that_a_newer_program_made(stores: Stores) -> None:
    url = await stores.empty_url(Service.POINTS)
    store = await stores.open(Service.POINTS, url)
    await store.migrate(Service.POINTS)
    async with store.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    with pytest.raises(StoreUnavailable, match=r"schema 0002 .* knows 0001 at most"):
        await store.migrate(Service.POINTS)


async def _version(store: Database) -> Any:
    async with store.reading() as connection:
        return await connection.scalar(text("SELECT version_num FROM alembic_version"))
