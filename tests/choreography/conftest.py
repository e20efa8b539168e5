"""One time-skipping server and one house for choreographed orders, one at a time."""

from tests.workflows.conftest import environment, house

__all__ = ["environment", "house"]
