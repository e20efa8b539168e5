"""The custom search attributes of sagas, and their registration."""

import asyncio
from collections.abc import Mapping

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runtime.program import CommandError, ExitCode

SEARCH_ATTRIBUTES: Mapping[str, IndexedValueType.ValueType] = {
    "OrderStatus": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "CustomerId": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "NeedsOperator": IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
}
_TYPE_NAMES: Mapping[IndexedValueType.ValueType, str] = {
    IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD: "Keyword",
    IndexedValueType.INDEXED_VALUE_TYPE_BOOL: "Bool",
}
_LISTED_WITHIN_SECONDS = 30.0
_POLL_SECONDS = 0.2


class SearchAttributesMissing(CommandError):
    """Search attributes that we may not register; the message says which commands do it."""

    def __init__(self, namespace: str, reason: str) -> None:
        commands = " && ".join(
            f"temporal operator search-attribute create --namespace {namespace} "
            f"--name {name} --type {_TYPE_NAMES[value_type]}"
            for name, value_type in SEARCH_ATTRIBUTES.items()
        )
        super().__init__(
            f"search attributes have to be registered, which we may not do ({reason}); "
            f"register those that are missing: {commands}",
            ExitCode.NOT_REACHABLE,
        )


async def register_search_attributes(client: Client) -> None:
    """Register the search attributes that are missing, and return when they can be used.

    Raises `SearchAttributesMissing` where we may not; without them no saga can start.
    """
    listed = await _listed(client)
    missing = [name for name in SEARCH_ATTRIBUTES if name not in (listed or {})]
    # One by one: another worker may be registering them at the same moment.
    for name in missing:
        await _add(client, name)
    if missing and listed is not None:
        await _wait_until_listed(client)


async def _listed(client: Client) -> Mapping[str, IndexedValueType.ValueType] | None:
    """The registered attributes; None where the server does not tell, as the test server."""
    try:
        response = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status in (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED):
            return None
        raise
    return response.custom_attributes


async def _add(client: Client, name: str) -> None:
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace, search_attributes={name: SEARCH_ATTRIBUTES[name]}
            )
        )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise SearchAttributesMissing(client.namespace, error.message) from None


async def _wait_until_listed(client: Client) -> None:
    try:
        async with asyncio.timeout(_LISTED_WITHIN_SECONDS):
            while (  # noqa: ASYNC110 - the server cannot wake us
                SEARCH_ATTRIBUTES.keys() - (await _listed(client) or {}).keys()
            ):
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise SearchAttributesMissing(
            client.namespace, "the server does not show them yet"
        ) from None
