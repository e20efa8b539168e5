"""A house on the embedded server, for choreographed orders.

The time-skipping server stops skipping once a workflow's publisher has closed before it, as that
of every reaction but the first has; so nothing here may have to wait for long.
"""

from tests.engine.conftest import engine, engine_home, house

__all__ = ["engine", "engine_home", "house"]
