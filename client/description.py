"""One look at a workflow, as Temporal describes it, decoded only as far as somebody asks."""

from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
)
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributeValueType
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

_CONVERTER = DataConverter.default.payload_converter
"""Search attributes are always plain JSON, whatever the client's own converter does."""


class Description:
    """What the SDK's `WorkflowExecutionDescription` tells, under the same names.

    That one decodes every search attribute twice as soon as it is made. A list that describes a
    hundred workflows each second would spend half of its time on it.
    """

    def __init__(self, raw: DescribeWorkflowExecutionResponse) -> None:
        self.raw_description = raw
        self.raw_info = raw.workflow_execution_info
        self.id = self.raw_info.execution.workflow_id
        self.run_id = self.raw_info.execution.run_id
        self.workflow_type = self.raw_info.type.name
        self.task_queue = self.raw_info.task_queue
        self.history_length = self.raw_info.history_length

    @property
    def status(self) -> WorkflowExecutionStatus | None:
        """None only where the server tells none."""
        status = self.raw_info.status
        return WorkflowExecutionStatus(status) if status else None

    @property
    def start_time(self) -> datetime:
        """With its zone."""
        return self.raw_info.start_time.ToDatetime(UTC)


AnyDescription = Description | WorkflowExecutionDescription


async def described(client: Client, workflow_id: str, patience: timedelta) -> Description | None:
    """The newest run of the workflow; None if Temporal knows none. May raise `RPCError`."""
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
    )
    try:
        raw = await client.workflow_service.describe_workflow_execution(
            request, retry=True, timeout=patience
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return Description(raw)


def attribute(
    description: AnyDescription, key: SearchAttributeKey[SearchAttributeValueType]
) -> SearchAttributeValueType | None:
    """A text, a number or a truth value among the search attributes; None where there is none."""
    found = description.raw_info.search_attributes.indexed_fields
    if key.name not in found:
        return None
    value = _CONVERTER.from_payload(found[key.name])
    if isinstance(value, list) and len(value) == 1:  # as some stores of Temporal's keep them
        [value] = value
    fits = isinstance(value, key.origin_value_type)
    return value if fits else None
