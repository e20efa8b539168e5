"""The API's own description of itself is true: schemathesis tries it out on the real thing."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

import pytest

from tests.markdown import rows, section, spans
from tests.test_architecture import ROOT
from tests.web.api.browsing import TOKENS, Api
from tests.web.api.test_access import ROUTES, path_of
from web.problems import CODES
from web.server import served

HTTP_API = ROOT / "docs" / "http-api.md"
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def test_schemathesis_finds_nothing(locked: Api, tmp_path: Path) -> None:
    # These three are described as an action on an intervention is, which is tried out.
    alike = ("cancel_order", "hold_order", "resume_order")
    others = [word for name in alike for word in ("--exclude-operation-id", name)]
    report = await tried_out(locked, tmp_path, "--phases", "examples,coverage", *others)
    assert "Selected: 11/14" in report, report


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_schemathesis_finds_nothing_in_long_runs(locked: Api, tmp_path: Path) -> None:
    phases = ("--phases", "examples,coverage,fuzzing,stateful")
    report = await tried_out(locked, tmp_path, *phases, "--max-examples", "30")
    assert "Selected: 14/14" in report, report


async def tried_out(api: Api, folder: Path, *options: str) -> str:
    """The report of schemathesis on the API, which must be a good one."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        async with served(api.guarded, listener):
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("schemathesis")),
                *("--config-file", str(CONFIGURATION)),
                *("run", f"http://127.0.0.1:{port}/openapi.json", *options),
                *("--header", f"Authorization: Bearer {TOKENS['operator']}"),
                *("--checks", "all", "--seed", "7"),
                *("--generation-database", "none", "--no-color", "--continue-on-failure"),
                *("--suppress-health-check", "all"),
                cwd=folder,  # it leaves caches behind
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
    report = output.decode()
    assert process.returncode == 0, report
    return report


async def test_every_operation_says_who_may_use_it(locked: Api) -> None:
    paths = locked.app.openapi()["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            if path in ("/healthz", "/readyz"):
                assert "security" not in operation, where
                continue
            assert operation["security"] == [{"token": []}, {"session": []}], where
            assert {"401", "403"} <= set(operation["responses"]), where


async def test_every_route_is_documented_with_its_role(locked: Api) -> None:
    documented = {spans(row[0])[0]: row[1].strip("`") for row in rows(section(HTTP_API, "Routes"))}
    assert documented.pop("GET /openapi.json") == "nobody"
    described = {
        f"{method.upper()} {path}"
        for path, operations in locked.app.openapi()["paths"].items()
        for method in operations
    }
    assert documented.keys() == described
    needed = {f"{route.method} {path_of(route)}": route.needs or "nobody" for route in ROUTES}
    assert documented == {name: needed[name] for name in described}


async def test_every_error_is_a_problem(locked: Api) -> None:
    document = locked.app.openapi()
    assert "Problem" in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert set(response["content"]) == {"application/problem+json"}, path


def test_statuses_of_the_table_are_those_of_errors() -> None:
    assert all(400 <= meaning.status <= 503 for meaning in CODES.values())
