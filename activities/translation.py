"""The one place where what a service says becomes what Temporal understands."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from models.errors import DomainError, Refusal, ServiceFailure
from models.steps import Service


@contextmanager
def domain_errors(service: Service) -> Iterator[None]:
    """Turn a service's errors into `ApplicationError`s that carry the error's wire name.

    A refusal is final and expected: not retried, not counted as a failure of the platform.
    Anything else leaves the outcome unknown and is retried. Its text stays out of Temporal's
    history, where a driver's message could show personal data; the log has it.

    Every error carries the number of its attempt, which a workflow could not know otherwise.
    """
    try:
        yield
    except Refusal as refusal:
        raise ApplicationError(
            str(refusal),
            activity.info().attempt,
            type=type(refusal).__name__,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        ) from None
    except DomainError as failure:
        raise ApplicationError(
            str(failure), activity.info().attempt, type=ServiceFailure.__name__
        ) from None
    except Exception as failure:
        activity.logger.warning("the %s service failed", service, exc_info=True)
        raise ApplicationError(
            f"the {service} service failed: {type(failure).__name__}",
            activity.info().attempt,
            type=ServiceFailure.__name__,
        ) from None
