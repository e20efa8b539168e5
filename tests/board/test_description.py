"""A description of our own tells what the SDK's tells, though it decodes less."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import WorkflowExecutionDescription
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from client.description import Description, attribute, described
from client.rows import NEEDS_OPERATOR
from client.running import ORDER_STATUS, saga_id
from tests.board.conftest import Premises

PATIENCE = timedelta(seconds=4)
SAME = ("id", "run_id", "status", "workflow_type", "task_queue", "history_length", "start_time")


async def both(info: WorkflowExecutionInfo) -> tuple[Description, WorkflowExecutionDescription]:
    """What we and what the SDK make of the same answer."""
    raw = DescribeWorkflowExecutionResponse(workflow_execution_info=info)
    theirs = await WorkflowExecutionDescription._from_raw_description(
        raw, "default", pydantic_data_converter
    )
    return Description(raw), theirs


async def test_a_workflow_is_described_as_the_sdk_does(shop: Premises) -> None:
    order = shop.house.order()
    shop.house.injure(order, "create_shipment", "refuse")
    shop.house.injure(order, "release_inventory", "refuse", times=-1)
    await shop.place(order)
    await shop.row(order, lambda row: row.needs_operator and row.attempt is None)
    ours = await described(shop.house.client, saga_id(order.order_id), PATIENCE)
    assert ours is not None
    theirs = await shop.house.handle(order).describe()
    assert [getattr(ours, name) for name in SAME] == [getattr(theirs, name) for name in SAME]
    assert ours.raw_description == theirs.raw_description
    known = theirs.typed_search_attributes
    assert attribute(ours, ORDER_STATUS) == known.get(ORDER_STATUS) == "COMPENSATING"
    assert attribute(ours, NEEDS_OPERATOR) is known.get(NEEDS_OPERATOR) is True


async def test_a_workflow_that_temporal_does_not_know_has_none(shop: Premises) -> None:
    assert await described(shop.house.client, "order-none", PATIENCE) is None


async def test_what_else_goes_wrong_is_raised(shop: Premises) -> None:
    with pytest.raises(RPCError) as caught:
        await described(shop.house.client, "", PATIENCE)
    assert caught.value.status is RPCStatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("key", "type_", "data"),
    [
        (ORDER_STATUS, b"Keyword", b'"IN_PROGRESS"'),
        (ORDER_STATUS, b"Keyword", b'["IN_PROGRESS"]'),
        (ORDER_STATUS, b"Keyword", b'["IN_PROGRESS", "COMPLETED"]'),
        (ORDER_STATUS, b"Keyword", b"[]"),
        (ORDER_STATUS, b"Keyword", b"null"),
        (NEEDS_OPERATOR, b"Bool", b"true"),
        (NEEDS_OPERATOR, b"Bool", b"[false]"),
        (NEEDS_OPERATOR, b"Bool", b'"yes"'),
    ],
)
async def test_search_attributes_are_read_as_the_sdk_reads_them(
    key: SearchAttributeKey[Any], type_: bytes, data: bytes
) -> None:
    info = WorkflowExecutionInfo()
    payload = Payload(metadata={"encoding": b"json/plain", "type": type_}, data=data)
    info.search_attributes.indexed_fields[key.name].CopyFrom(payload)
    ours, theirs = await both(info)
    assert attribute(ours, key) == theirs.typed_search_attributes.get(key)


async def test_a_start_keeps_its_zone() -> None:
    info = WorkflowExecutionInfo()
    info.start_time.FromDatetime(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    ours, theirs = await both(info)
    assert ours.start_time == theirs.start_time == datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    assert ours.status is theirs.status is None
