"""The house's rules: which room may import which, and what importing a workflow must not load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "models",
    "services",
    "activities",
    "workflows",
    "runtime",
    "client",
    "audit",
    "web",
    "worker",
    "starter",
}

# What each room may import of ours. A name with dots allows that module alone.
ALLOWED = {
    "models": set(),
    "services": {"models"},
    "activities": {"models"},
    "workflows": {"models", "activities"},
    "runtime": {"models"},
    "client": {
        "models",
        "workflows",
        "runtime",
        "services.database",
        "services.orders.figures",
        "services.orders.listing",
        "services.orders.records",
        "services.orders.requests",
    },
    "audit": {"models", "services", "client", "runtime"},
    "web": {"models", "client", "audit", "runtime"},
    "starter": {"models", "client", "audit", "runtime", "worker"},
    "worker": ROOMS,
}

# What a room may never import of others'.
FORBIDDEN = {
    "models": {"temporalio", "sqlalchemy"},
    "services": {"temporalio"},
    "activities": {"sqlalchemy", "aiosqlite", "asyncpg", "httpx"},
    "workflows": {"random", "os", "time", "datetime.now", "sqlalchemy", "pathlib", "secrets"},
}


def files_of(room: str) -> list[Path]:
    single = ROOT / f"{room}.py"
    return [single] if single.exists() else sorted((ROOT / room).rglob("*.py"))


def imports_in(path: Path, *, types_too: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in for_types and not types_too:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, allowed: set[str]) -> bool:
    return any(name == other or name.startswith(f"{other}.") for other in allowed)


@pytest.mark.parametrize("room", [room for room in ALLOWED if files_of(room)])
def test_room_imports_only_what_its_row_allows(room: str) -> None:
    allowed = ALLOWED[room] | {room}
    for path in files_of(room):
        for name in imports_in(path, types_too=False):
            if name.partition(".")[0] in ROOMS and not is_within(name, allowed):
                # `from services.orders import records` names its parent first.
                assert any(other.startswith(f"{name}.") for other in allowed), (
                    f"{path.relative_to(ROOT)} imports {name}"
                )


@pytest.mark.parametrize("room", [room for room in FORBIDDEN if files_of(room)])
def test_room_never_imports_what_its_row_forbids(room: str) -> None:
    for path in files_of(room):
        for name in imports_in(path, types_too=True):
            assert not is_within(name, FORBIDDEN[room]), f"{path.relative_to(ROOT)} imports {name}"


def test_activities_import_services_for_types_only() -> None:
    for path in files_of("activities"):
        names = list(imports_in(path, types_too=False))
        assert not [name for name in names if name.startswith("services")], path


def test_worker_is_imported_by_the_starter_alone() -> None:
    importers = {
        path.relative_to(ROOT)
        for room in ROOMS - {"worker"}
        for path in files_of(room)
        for name in imports_in(path, types_too=True)
        if name == "worker"
    }
    assert importers <= {Path("starter.py")}


@pytest.mark.parametrize(
    "module",
    [
        "workflows.order_saga",
        "workflows.choreography.tracker",
        "workflows.choreography.reaction",
    ],
)
def test_importing_the_workflow_loads_no_driver_and_no_http_client(module: str) -> None:
    program = f"import sys, {module}; print('\\n'.join(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    loaded = {name.partition(".")[0] for name in output.split()}
    assert not loaded & {"sqlalchemy", "aiosqlite", "asyncpg", "sqlite3", "apprise", "requests"}
    assert not loaded & {"httpx", "aiohttp", "urllib3", "services", "runtime", "worker"}


def test_every_file_is_short_enough_to_read() -> None:
    limits = {
        Path("workflows/order_saga.py"): 340,  # The story, with what people may ask of it.
        Path("worker.py"): 340,  # All wiring, in one place.
    }
    for room in ROOMS:
        for path in files_of(room):
            length = len(path.read_text(encoding="utf-8").splitlines())
            assert length <= limits.get(path.relative_to(ROOT), 300), f"{path}: {length} lines"
