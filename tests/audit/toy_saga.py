"""A workflow that looks like an order's from outside and ends, waits or breaks as it is told."""

from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")


class Behaviour(StrEnum):
    """What the workflow does."""

    END = "end"
    FAIL = "fail"
    WAIT = "wait"
    NEED_OPERATOR = "need_operator"
    BREAK = "break"
    CALL = "call"


@workflow.defn(name="OrderSaga")
class ToySaga:
    """Ends with the state that it is given, unless it is told to do something else."""

    @workflow.run
    async def run(self, behaviour: str, state: dict[str, Any], queue: str) -> dict[str, Any]:
        """Behave."""
        match Behaviour(behaviour):
            case Behaviour.BREAK:
                raise RuntimeError("a bug")
            case Behaviour.CALL:
                await workflow.execute_activity(
                    "reserve_inventory",
                    task_queue=queue,
                    start_to_close_timeout=timedelta(seconds=5),
                )
            case Behaviour.NEED_OPERATOR:
                workflow.upsert_search_attributes([NEEDS_OPERATOR.value_set(True)])
                await workflow.wait_condition(lambda: False)
            case Behaviour.WAIT:
                await workflow.wait_condition(lambda: False)
        workflow.upsert_search_attributes([ORDER_STATUS.value_set(state["status"])])
        if behaviour == Behaviour.FAIL:
            raise ApplicationError("an undo was given up", state, type="SagaFailed")
        return state
