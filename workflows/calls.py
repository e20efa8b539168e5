"""Timeouts and retries of every kind of call, each with its reason.

Every remote call has a heartbeat, beaten by an interceptor in the worker: a killed worker is
noticed after 2 s instead of after the whole start-to-close timeout, and a running call learns
of a cancel. Every one waits for its cancellation to be settled: a call that is merely
abandoned may still have its effect seconds later.
"""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.workflow import ActivityCancellationType, ActivityConfig, LocalActivityConfig

from models.errors import REFUSALS
from models.steps import Compensatable, ForwardOnly, Service

HEARTBEAT_TIMEOUT = timedelta(seconds=2)

_START_TO_CLOSE = dict.fromkeys(Service, timedelta(seconds=5)) | {
    # A card authorisation passes several banks.
    Service.PAYMENTS: timedelta(seconds=10),
}

# Quick at first, because most failures are a lost connection or a lock; capped low, because a
# customer waits.
_FORWARD_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=5)
)
# An undo that fails more often than this needs a person's eye.
EARLY_RETRIES = 4
_EARLY_LIMIT = timedelta(seconds=30)
# For as long as it takes, by the server alone: it costs no event however often it fails.
_ENDLESS_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)
)
# After COMPLETED nobody waits for the notification, and nothing hangs on it.
NOTIFICATION_LIMIT = timedelta(seconds=30)
# An alert is worth an hour's outage of its target; later it is old news, and the
# intervention is still in the list of open ones.
_ALERT_LIMIT = timedelta(hours=1)
# The next audit finds it again, and must not wait for a target that is down.
_AUDIT_ALERT_LIMIT = timedelta(minutes=2)
# Some 2 000 orders a second: enough for millions.
_AUDIT_LIMIT = timedelta(hours=1)
_AUDIT_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=3,
)


def forward(step: Compensatable, budget: timedelta) -> ActivityConfig:
    """A step before the pivot: retried within the budget; then its outcome is unknown."""
    return _remote(step.service, _FORWARD_RETRIES, step.running, limit=budget)


def first_attempts(service: Service, summary: str, *, retries: int | None = None) -> ActivityConfig:
    """The first attempts of a call that must succeed: five unless told otherwise, or 30 s."""
    policy = RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        maximum_interval=timedelta(seconds=5),
        maximum_attempts=1 + (EARLY_RETRIES if retries is None else retries),
    )
    return _remote(service, policy, summary, limit=_EARLY_LIMIT)


def must_succeed(service: Service, summary: str) -> ActivityConfig:
    """What follows the first attempts: no limit but success, a refusal or a person."""
    return _remote(service, _ENDLESS_RETRIES, summary)


def notification(step: ForwardOnly) -> ActivityConfig:
    """Best effort, bounded in time."""
    return _remote(step.service, _FORWARD_RETRIES, step.running, limit=NOTIFICATION_LIMIT)


def alert(summary: str) -> ActivityConfig:
    """One alert to one target."""
    return _remote(Service.ORDERS, _ENDLESS_RETRIES, summary, limit=_ALERT_LIMIT)


def audit_alert(summary: str) -> ActivityConfig:
    """One alert of an audit to one target."""
    return _remote(Service.ORDERS, _ENDLESS_RETRIES, summary, limit=_AUDIT_ALERT_LIMIT)


def audit() -> ActivityConfig:
    """A whole audit: it reads every order there is, and the next one comes by schedule."""
    config = _remote(Service.ORDERS, _AUDIT_RETRIES, "audit")
    return config | ActivityConfig(start_to_close_timeout=_AUDIT_LIMIT)


def local_attempt(summary: str) -> LocalActivityConfig:
    """One quick attempt inside the workflow task, which saves the server a round trip.

    Not more than one: a local activity that keeps failing blocks updates, shows nowhere and
    fills the history. What this attempt leaves open, a remote call of the same name and key
    takes over. Source: measured, see `docs/architecture.md`.
    """
    return LocalActivityConfig(
        start_to_close_timeout=timedelta(seconds=2),
        schedule_to_close_timeout=timedelta(seconds=2),
        local_retry_threshold=timedelta(seconds=1),
        retry_policy=RetryPolicy(maximum_attempts=1),
        summary=summary,
    )


def _remote(
    service: Service, retries: RetryPolicy, summary: str, *, limit: timedelta | None = None
) -> ActivityConfig:
    return ActivityConfig(
        task_queue=service.value,
        start_to_close_timeout=_START_TO_CLOSE[service],
        schedule_to_close_timeout=limit,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=retries,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )


def refusal_in(failure: BaseException) -> ApplicationError | None:
    """The service's refusal, if that is what the failure is.

    A remote activity's failure comes within an `ActivityError`, a local one's as it is.
    """
    cause = failure.cause if isinstance(failure, ActivityError) else failure
    if isinstance(cause, ApplicationError) and cause.type in REFUSALS:
        return cause
    return None


def attempts_in(failure: BaseException) -> int:
    """How often the call was tried, as far as the failure tells: at least so often."""
    innermost = _innermost(failure)
    if isinstance(innermost, ApplicationError) and innermost.details:
        return int(innermost.details[0])
    return 1


def reason_of(failure: BaseException) -> str:
    """What went wrong, in the innermost words that Temporal has for it."""
    innermost = _innermost(failure)
    return innermost.message if isinstance(innermost, FailureError) else str(innermost)


def _innermost(failure: BaseException) -> BaseException:
    while failure.__cause__ is not None:
        failure = failure.__cause__
    return failure
