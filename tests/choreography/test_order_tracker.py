"""A choreographed order over the real services."""

from models.saga import SagaKind, SagaStatus
from models.steps import STEPS
from tests.house import House

CHOREOGRAPHED = SagaKind.CHOREOGRAPHED
ALL_STEPS = [step.step for step in STEPS]


async def test_executes_every_step_when_all_services_agree(house: House) -> None:
    order = house.order()
    state = await house.run(order, CHOREOGRAPHED)
    assert state.status is SagaStatus.COMPLETED
    assert state.executed_steps == ALL_STEPS
    assert (await house.record(order)).status == "COMPLETED"
