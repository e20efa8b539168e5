"""The saga's story as the Temporal Web UI shows it: the workflow's current details, in Markdown."""

from models.saga import SagaState
from models.steps import STEPS, Compensatable, ForwardOnly


def current_details(state: SagaState) -> str:
    """What happened so far, for a person who opens the workflow. Holds no personal data."""
    lines = [
        f"**{state.status}** · {state.progress} % · price {state.amount_charged} {state.currency}",
        "",
        "| step | outcome |",
        "|---|---|",
        *(f"| {step.step} | {outcome} |" for step in STEPS if (outcome := _outcome(state, step))),
    ]
    if state.error_code:
        lines += ["", f"{state.error_code}: {state.error_message}"]
    lines += [f"- warning: {warning}" for warning in state.warnings]
    if state.held:
        lines += ["", f"Held by {state.held.by}: {state.held.reason}"]
    lines += [
        f"- **needs a person**: {case.compensation} since {case.since:%Y-%m-%d %H:%M:%S} UTC"
        f" ({case.last_error})"
        for case in state.interventions
    ]
    return "\n".join(lines)


def _outcome(state: SagaState, step: Compensatable | ForwardOnly) -> str:
    if step.step in state.compensated_steps:
        return "undone"
    if any(case.step is step.step for case in state.interventions):
        return "**waits for a person**"
    if isinstance(step, Compensatable) and state.current_step == step.compensation.running:
        return "is being undone"
    if step.step in state.executed_steps:
        return "done"
    if step.step in state.skipped_steps:
        return "skipped: nothing to do"
    if isinstance(step, Compensatable) and state.error_code in (step.refused, step.failed):
        return "refused" if state.error_code is step.refused else "outcome unknown"
    return "runs" if state.current_step == step.running else ""
