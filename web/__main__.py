"""`python -m web`: the HTTP API and the live dashboard, until SIGTERM or Ctrl-C."""

import argparse
import signal

if __name__ == "__main__":
    # Until `run_program` listens: Ctrl-C while all of the below loads ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from runtime.logs import configure_logs
from runtime.program import ExitCode, run_program
from runtime.settings import Settings

DESCRIPTION = """\
Serve the HTTP API and the live dashboard on 127.0.0.1:8080 until SIGTERM or Ctrl-C.

ORDER_SAGA_WEB_HOST and ORDER_SAGA_WEB_PORT choose another address; any but a
loopback address needs ORDER_SAGA_API_TOKENS. The Temporal server is that of
Temporal's own settings, else the embedded one of the data folder, else
localhost:7233. It may come and go: /readyz tells whether it is there.
"""


async def main() -> int:
    """Parse the command line and serve."""
    argparse.ArgumentParser(
        prog="python -m web",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    ).parse_args()
    settings = Settings.load()
    configure_logs(settings)
    # Imported late: `--help` does not wait for the Temporal SDK to load.
    from web.server import serving

    async with serving(settings) as ended:
        await ended()
    return ExitCode.DONE


if __name__ == "__main__":
    run_program(main, exit_when_stopped=ExitCode.DONE)
