"""The Temporal SDK's native runtime, one per process, and where its own messages go."""

import functools
import logging

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)


@functools.cache
def sdk_runtime() -> Runtime:
    """The runtime that every client of this process uses.

    By default the SDK's native part prints its warnings on stdout, into the middle of a JSON
    document; here they go where all messages go.
    """
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(
                    logger=logging.getLogger("temporalio.core"),
                    append_target_to_name=False,
                    prepend_target_on_message=False,
                ),
            )
        )
    )
