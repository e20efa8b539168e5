"""How a saga's state is shown outside of its workflow: current details and search attributes."""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from models.saga import SagaState, SagaStatus
from workflows.details import current_details

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
NEEDS_OPERATOR = SearchAttributeKey.for_bool("NeedsOperator")


class Signs:
    """Keeps the signs of one saga's workflow in step with its state."""

    def __init__(self) -> None:
        # What whoever placed the order has set at the start.
        self._status, self._need = SagaStatus.STARTED, False

    def show(self, state: SagaState) -> None:
        """Show the state. Upserts what changed in one command: each upsert is a billed action."""
        workflow.set_current_details(current_details(state))
        status, needs_operator = state.status, bool(state.interventions)
        updates: list[SearchAttributeUpdate[Any]] = []
        if status is not self._status:
            updates.append(ORDER_STATUS.value_set(status))
        if needs_operator is not self._need:
            updates.append(NEEDS_OPERATOR.value_set(needs_operator))
        if updates:
            workflow.upsert_search_attributes(updates)
            self._status, self._need = status, needs_operator
