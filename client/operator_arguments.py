"""The operators' part of the command line: its commands, their arguments and their help."""

import argparse
import getpass
import os
from collections.abc import Callable

# Nothing heavy here: `--help` must not wait for the Temporal SDK to load.
from client.actions import ON_INTERVENTIONS, Action, person, reaction
from client.arguments import json_argument, order_argument, text_argument
from models.texts import free_text

MakeCommand = Callable[[str, str, str], argparse.ArgumentParser]
"""From a command's name, its summary and its description."""

_CANCEL = """\
Undo an order. It is answered at once whether that is still possible: until the order
is COMPLETED. Everything that was done is then undone step by step (`watch` follows it).
Cancelling twice changes nothing.
"""
_HOLD = """\
Let no new step of an order start until `resume`. The step that runs now is finished.
A held order can still be cancelled, and its deadline still counts.
"""
_RESUME = "Let an order that was held go on."
_INTERVENTIONS = """\
List everything that waits for a person, over all orders: since when, how often it was
tried, the last error, and who has claimed it.
"""
_DEAD_LETTERS = """\
List every reaction of a choreographed order whose retries are spent: it is parked, and
the machine does not try it again. With --retry, have one try again at once, for example
when the cause is mended; everything that follows from it then goes on.
"""
_STEP_HELP = "the step as `interventions` shows it, or its undo, such as refund_payment"
_ON_STEPS = {
    Action.CLAIM: (
        "take an undo from the machine",
        """\
Take an undo that does not succeed from the machine: it stops trying, and what is under
way is settled first, so that nobody undoes twice. Then do it by hand and `resolve` it,
or give it up with `abandon`.
""",
    ),
    Action.RETRY: (
        "let the machine try an undo again, now",
        """\
Let the machine try an undo again at once, for example when the cause is mended. It also
hands back what was claimed, by whomever.
""",
    ),
    Action.RESOLVE: (
        "say that a claimed undo has been done by hand",
        """\
Say that an undo you have claimed has been done by hand. It counts as undone, and the
order can end COMPENSATED.
""",
    ),
    Action.ABANDON: (
        "give a claimed undo up and accept the loss",
        """\
Give an undo you have claimed up and accept the loss. Everything else is still undone, and
the order ends FAILED.
""",
    ),
}


def add_operator_commands(make: MakeCommand) -> None:
    """Add the operators' commands. Their arguments: `order_id`, `step`, `by`, `reason`, `json`."""
    cancel = make(Action.CANCEL.value, "undo an order that is not completed", _CANCEL)
    order_argument(cancel)
    _who_and_why(cancel, default=_login_name())
    for action, summary, description in (
        (Action.HOLD, "let no new step of an order start", _HOLD),
        (Action.RESUME, "let a held order go on", _RESUME),
    ):
        on_order = make(action.value, summary, description)
        order_argument(on_order)
        _who_and_why(on_order)
    listing = make("interventions", "list what waits for a person", _INTERVENTIONS)
    json_argument(listing)
    letters = make("dead-letters", "list parked reactions; --retry drives one again", _DEAD_LETTERS)
    letters.add_argument(
        "--retry",
        type=text_argument(reaction),
        metavar="ID",
        help="the dead letter to drive again, by the id in the list; needs --by and --reason",
    )
    _who_and_why(letters, required=False)
    for action in ON_INTERVENTIONS:
        on_step = make(action.value, *_ON_STEPS[action])
        order_argument(on_step)
        on_step.add_argument("step", metavar="STEP", help=_STEP_HELP)
        _who_and_why(on_step)


def _who_and_why(
    parser: argparse.ArgumentParser, *, default: str | None = None, required: bool = True
) -> None:
    parser.add_argument(
        "--by",
        type=text_argument(person),
        required=required and default is None,
        default=default,
        metavar="NAME",
        help="who does this" + (" (default: your login name)" if default else ""),
    )
    parser.add_argument(
        "--reason",
        type=text_argument(free_text),
        required=required,
        metavar="WHY",
        help="why; kept with the order for good, so no personal data",
    )
    json_argument(parser)


def _login_name() -> str:
    """Whoever runs the command; a process without a login name has at least a number."""
    try:
        return person(getpass.getuser())
    except (OSError, KeyError, ValueError):
        return f"uid {os.getuid()}"
