"""The web process of these tests: as `python -m web`, with the demonstration's choice of faults."""

from runtime.logs import configure_logs
from runtime.program import ExitCode, run_program
from runtime.settings import Settings
from web.server import serving


async def main() -> int:
    """Serve until told to stop."""
    settings = Settings.load()
    configure_logs(settings)
    async with serving(settings, demonstration=True) as ended:
        await ended()
    return ExitCode.DONE


if __name__ == "__main__":
    run_program(main, exit_when_stopped=ExitCode.DONE)
