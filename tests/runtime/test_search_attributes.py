"""Registering the search attributes: once, twice, at once, and where we may not."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from runtime.connection import connect
from runtime.search_attributes import (
    SEARCH_ATTRIBUTES,
    SearchAttributesMissing,
    register_search_attributes,
)
from runtime.server import Server
from runtime.server_process import program_beside_python

PAIRS: Sequence[SearchAttributePair[str] | SearchAttributePair[bool]] = (
    SearchAttributePair(SearchAttributeKey.for_keyword("OrderStatus"), "STARTED"),
    SearchAttributePair(SearchAttributeKey.for_keyword("CustomerId"), "CUST-456"),
    SearchAttributePair(SearchAttributeKey.for_bool("NeedsOperator"), False),
)


async def start_with_attributes(client: Client) -> None:
    await client.start_workflow(
        "Anything",
        id=str(uuid.uuid4()),
        task_queue="nobody",
        search_attributes=TypedSearchAttributes(list(PAIRS)),
    )


async def new_namespace(client: Client, server: Server) -> Client:
    """A client of a namespace in which nothing is registered."""
    retention = Duration()
    retention.FromTimedelta(timedelta(days=1))
    name = f"ns-{uuid.uuid4()}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    async with asyncio.timeout(20):
        while True:
            try:
                return await connect(
                    Server(address=server.address, found=server.found, namespace=name)
                )
            except RPCError:
                await asyncio.sleep(0.1)


async def test_a_saga_can_start_once_they_are_registered(client: Client, server: Server) -> None:
    fresh = await new_namespace(client, server)
    with pytest.raises(RPCError, match=r"OrderStatus|CustomerId|NeedsOperator"):
        await start_with_attributes(fresh)
    await asyncio.gather(*(register_search_attributes(fresh) for _ in range(5)))
    await start_with_attributes(fresh)
    await register_search_attributes(fresh)
    listed = await fresh.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=fresh.namespace)
    )
    assert {name: listed.custom_attributes[name] for name in SEARCH_ATTRIBUTES} == (
        SEARCH_ATTRIBUTES
    )


async def test_works_on_the_time_skipping_server() -> None:
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program_beside_python("temporal-test-server"))
    ) as environment:
        await register_search_attributes(environment.client)
        await register_search_attributes(environment.client)
        await start_with_attributes(environment.client)


def test_names_the_commands_when_we_may_not() -> None:
    error = SearchAttributesMissing("shop", "permission denied")
    for name, type_name in [
        ("OrderStatus", "Keyword"),
        ("CustomerId", "Keyword"),
        ("NeedsOperator", "Bool"),
    ]:
        assert (
            "temporal operator search-attribute create --namespace shop "
            f"--name {name} --type {type_name}"
        ) in str(error)


async def test_says_so_when_the_server_refuses(client: Client) -> None:
    config = client.config()
    config["namespace"] = "absent"
    with pytest.raises((SearchAttributesMissing, RPCError)) as raised:
        await register_search_attributes(Client(**config))
    if isinstance(raised.value, RPCError):
        assert raised.value.status == RPCStatusCode.NOT_FOUND
