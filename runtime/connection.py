"""Finding a Temporal server, and connecting to it."""

import asyncio
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode

from runtime.printable import printable
from runtime.program import CommandError, ExitCode
from runtime.server import Found, Server
from runtime.server_record import ServerRecord, running_server
from runtime.settings import Settings, SettingsError
from runtime.telemetry import sdk_runtime

_PROBE_SECONDS = 2.0
_RETRY_SECONDS = 0.1


class NotReachable(CommandError):
    """No Temporal server answers; the message names what was tried."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.NOT_REACHABLE)


async def find_server(settings: Settings) -> Server | None:
    """The server to use, in the order that the documentation promises; None when there is none.

    Temporal's own settings, if any are given, are taken as they are; whether that server answers
    is seen by `connect`. Raises `SettingsError` when they cannot be read.
    """
    return (
        configured_server(settings) or embedded_server(settings) or await _default_server(settings)
    )


async def connect(server: Server, *, patience: float = 10.0) -> Client:
    """A client of this server. Raises `NotReachable` after `patience` seconds at the latest."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return await _connect(server, deadline - time.monotonic())
        except NotReachable:
            # An embedded server that is there but does not answer is being started.
            if server.found != Found.EMBEDDED or time.monotonic() > deadline:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


async def probe(server: Server) -> Client | None:
    """A client of the server if it answers now, within two seconds; else None."""
    try:
        return await _connect(server, _PROBE_SECONDS)
    except NotReachable:
        return None


def configured_server(settings: Settings) -> Server | None:
    """The server of Temporal's own settings (`TEMPORAL_*`, configuration file), if any are given.

    Raises `SettingsError` when they cannot be read or make no sense.
    """
    try:
        options: dict[str, Any] = {**ClientConfig.load_client_connect_config()}
    except Exception as error:
        # The first line alone: the next ones may quote the file, with its API key.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise SettingsError(f"Temporal's own settings cannot be read: {reason}") from None
    if not options:
        return None
    address = options.pop("target_host", settings.default_address)
    if not re.fullmatch(r"[^\s/]+:\d{1,5}", address):
        raise SettingsError(f"the address in Temporal's own settings is not host:port: {address}")
    return Server(
        address=address,
        found=Found.CONFIGURED,
        namespace=options.pop("namespace", "default"),
        web_ui=settings.web_ui_url or _local_web_ui(address),
        options=options,
    )


def embedded_server(settings: Settings) -> Server | None:
    """The embedded server of the data folder, if one runs."""
    record = running_server(settings.home)
    return None if record is None else recorded_server(settings, record)


def recorded_server(settings: Settings, record: ServerRecord) -> Server:
    """The embedded server that a data folder's record describes."""
    return Server(
        address=record.address,
        found=Found.EMBEDDED,
        web_ui=settings.web_ui_url or f"http://{record.ui_address}",
        # Between processes of one machine, compressing costs more than it saves.
        options={"grpc_compression": GrpcCompression.NONE},
    )


async def _default_server(settings: Settings) -> Server | None:
    address = settings.default_address
    server = Server(
        address=address,
        found=Found.DEFAULT,
        web_ui=settings.web_ui_url or _local_web_ui(address),
    )
    return None if await probe(server) is None else server


async def _connect(server: Server, seconds: float) -> Client:
    try:
        async with asyncio.timeout(max(seconds, 0.1)):
            client = await Client.connect(
                server.address,
                namespace=server.namespace,
                data_converter=pydantic_data_converter,
                runtime=sdk_runtime(),
                **server.options,
            )
            await _check_namespace(client)
            return client
    except TimeoutError:
        raise _not_reachable(server, "no answer in time") from None
    except (RuntimeError, ValueError, RPCError) as error:
        raise _not_reachable(server, _reason(str(error))) from None


async def _check_namespace(client: Client) -> None:
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except RPCError as error:
        # Not everybody who may run workflows may also describe the namespace.
        if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
            raise


def _not_reachable(server: Server, reason: str) -> NotReachable:
    return NotReachable(
        f"no Temporal server answers at {printable(server.address)}, "
        f"namespace {printable(server.namespace)} ({server.found}): {reason}"
    )


_REASONS: Mapping[str, str] = {
    "Connection refused": "nothing listens there",
    "dns error": "the host's name cannot be resolved",
    "Unauthenticated": "it refuses our credentials",
    "PermissionDenied": "it refuses our credentials",
    "operation was canceled": "what answers there is not a Temporal server",
    "h2 protocol error": "what answers there is not a Temporal server",
    "Unimplemented": "what answers there is not a Temporal server",
}


def _reason(error: str) -> str:
    for sign, reason in _REASONS.items():
        if sign in error:
            return reason
    quoted = re.findall(r'message: "([^"]+)"', error)
    return printable((quoted[-1] if quoted else error)[:200])


def _local_web_ui(address: str) -> str | None:
    """The Web UI of a local development server: by default its port is the server's plus 1000."""
    host, _, port = address.rpartition(":")
    if host not in ("localhost", "127.0.0.1", "[::1]") or not port.isdigit():
        return None
    ui_port = int(port) + 1000
    try:
        with socket.create_connection((host.strip("[]"), ui_port), timeout=0.2):
            return f"http://{host}:{ui_port}"
    except (OSError, OverflowError):
        return None
