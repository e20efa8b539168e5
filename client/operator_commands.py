"""What the operators' commands do; each returns the process's exit code."""

from rich.text import Text

from client.actions import Action, step_named
from client.commands import print_json
from client.dead_letters import open_dead_letters, redrive
from client.display import print_dead_letters, print_interventions, standard_console
from client.interventions import open_interventions
from client.operators import Operators, new_request_id
from client.session import session
from models.saga import OperatorAction, SagaState
from models.steps import ErrorCode
from runtime.program import ExitCode
from runtime.settings import Settings


async def act(
    settings: Settings,
    action: Action,
    order_id: str,
    *,
    step: str | None,
    actor: str,
    reason: str,
    as_json: bool,
) -> int:
    """Do it to the order, or to its intervention at `step`, and say what that led to."""
    async with session(settings, None) as opened:
        operators = Operators(opened.sagas)
        wish = OperatorAction(actor=actor, reason=reason, step=step_named(step) if step else None)
        if step and wish.step is None:
            raise await operators.unknown_step(order_id)
        # One id for each run of the command: what the connection repeats acts once, and the
        # same command an hour later is a new wish.
        state = await operators.act(action, order_id, wish, request_id=new_request_id())
    if as_json:
        print_json(state)
    else:
        standard_console().print(Text(_outcome(action, wish, state)))
    return ExitCode.DONE


async def list_interventions(settings: Settings, *, as_json: bool) -> int:
    """List everything that waits for a person, over all orders."""
    async with session(settings, None) as opened:
        cases = await open_interventions(opened.sagas)
    if as_json:
        print_json(cases)
    else:
        print_interventions(standard_console(), cases)
    return ExitCode.DONE


async def list_dead_letters(settings: Settings, *, as_json: bool) -> int:
    """List every reaction that is parked, over all choreographed orders."""
    async with session(settings, None) as opened:
        letters = await open_dead_letters(opened.sagas.client)
    if as_json:
        print_json(letters)
    else:
        print_dead_letters(standard_console(), letters)
    return ExitCode.DONE


async def retry_dead_letter(
    settings: Settings, reaction_id: str, *, actor: str, reason: str, as_json: bool
) -> int:
    """Have a parked reaction try again, now."""
    async with session(settings, None) as opened:
        wish = OperatorAction(actor=actor, reason=reason)
        letter = await redrive(opened.sagas.client, reaction_id, wish, request_id=new_request_id())
    if as_json:
        print_json(letter)
    else:
        standard_console().print(
            Text(
                f"{letter.call} of order {letter.order_id} is tried again, now; "
                f"`python starter.py show {letter.order_id}` tells what comes of it"
            )
        )
    return ExitCode.DONE


def _outcome(action: Action, wish: OperatorAction, state: SagaState) -> str:
    order = f"order {state.order_id}"
    match action:
        case Action.CANCEL:
            return _cancelled(order, state)
        case Action.HOLD:
            return f"{order} is held: no new step starts until `resume`"
        case Action.RESUME:
            return f"{order} goes on"
        case Action.CLAIM:
            return _claimed(order, wish, state)
        case Action.RETRY:
            return f"{order}: the machine tries to settle {wish.step} again, now"
        case Action.RESOLVE:
            return f"{order}: {wish.step} counts as settled by hand"
        case Action.ABANDON:
            return f"{order}: {wish.step} is given up; the order will end FAILED"


def _cancelled(order: str, state: SagaState) -> str:
    watch = f"`python starter.py watch {state.order_id}` follows it"
    if state.error_code is ErrorCode.ORDER_CANCELLED:
        return f"{order} is being undone; {watch}"
    return f"{order} was being undone already ({state.error_code}); {watch}"


def _claimed(order: str, wish: OperatorAction, state: SagaState) -> str:
    for case in state.interventions:
        if case.step is wish.step:
            return (
                f"{order}: {case.step} is yours, and the machine has stopped trying. Do by hand "
                f"what {case.compensation} would have done, then `resolve` it, or `abandon` it"
            )
    return f"{order}: the last attempt has succeeded, so {wish.step} needs nobody any more"
