"""How programs end: exit codes, signals, closed outputs, and what they print of errors."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from runtime.server import Server
from runtime.settings import Settings
from tests.runtime.conftest import ROOT, StartProgram, clean_environment


def first_line(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


def run(
    settings: Settings, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tests.runtime.programs.ends", *arguments],
        cwd=ROOT,
        env=clean_environment(settings.home, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


@contextlib.contextmanager
def started(
    settings: Settings, *arguments: str, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.programs.ends", *arguments],
        cwd=ROOT,
        env=clean_environment(settings.home, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def test_leaves_with_what_main_returns(settings: Settings) -> None:
    ended = run(settings, "returns")
    assert (ended.returncode, ended.stdout, ended.stderr) == (4, b"last words", b"")


@pytest.mark.parametrize("way", ["refuses", "refuses_in_a_group"])
def test_a_known_error_is_one_line(settings: Settings, way: str) -> None:
    ended = run(settings, way)
    assert ended.returncode == 4
    assert ended.stdout == b""
    assert ended.stderr == b"error: no\\nway \\x1b[31mred\n"


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("breaks", "LookupError: a bug"),
        ("cancels_itself", "CancelledError"),
        ("loses_a_socket", "BrokenPipeError: not stdout"),
    ],
)
def test_an_unexpected_error_is_logged_with_its_traceback(
    settings: Settings, way: str, name: str
) -> None:
    ended = run(settings, way, ORDER_SAGA_LOG_FORMAT="text")
    assert ended.returncode == 70
    assert b"unexpected error" in ended.stderr
    assert b"Traceback" in ended.stderr
    assert name.encode() in ended.stderr


@pytest.mark.parametrize(
    ("signum", "exit_when_stopped", "code"),
    [
        (signal.SIGINT, [], 130),
        (signal.SIGTERM, [], 143),
        (signal.SIGHUP, [], 129),
        (signal.SIGINT, ["0"], 0),
        (signal.SIGTERM, ["0"], 0),
    ],
)
def test_a_signal_stops_it_after_the_drain(
    settings: Settings, signum: int, exit_when_stopped: list[str], code: int
) -> None:
    with started(settings, "waits", *exit_when_stopped) as program:
        assert first_line(program) == "ready"
        program.send_signal(signum)
        out, err = program.communicate(timeout=20)
        assert (program.returncode, out, err) == (code, "drained\n", "")


def test_a_second_signal_ends_it_at_once(settings: Settings) -> None:
    with started(settings, "drains_for_ever", "0") as program:
        assert first_line(program) == "ready"
        program.send_signal(signal.SIGINT)
        assert first_line(program) == "draining"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=10)
        assert (program.returncode, out, err) == (130, "last resort\n", "")


def test_a_second_signal_ends_it_when_its_loop_is_stuck(settings: Settings) -> None:
    with started(settings, "is_stuck") as program:
        assert first_line(program) == "ready"
        program.send_signal(signal.SIGINT)
        # Signals of one kind may be merged: this one's handler has run once its line is there.
        program.send_signal(signal.SIGALRM)
        assert first_line(program) == "alarm"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=10)
        assert (program.returncode, out, err) == (130, "", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(("way", "lines"), [("prints_for_ever", 1), ("prints_little", 0)])
def test_no_traceback_when_the_reader_goes_away(
    settings: Settings, way: str, lines: int, unbuffered: str
) -> None:
    with started(settings, way, PYTHONUNBUFFERED=unbuffered) as program:
        assert program.stdout is not None
        for _ in range(lines):
            program.stdout.readline()
        program.stdout.close()
        assert program.stderr is not None
        with program.stderr:
            assert program.stderr.read() == ""
        assert program.wait(timeout=20) == 141


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("redirection", ["> /dev/full", ">&-", "2>&- >&-"])
def test_no_traceback_when_the_output_cannot_be_written(
    settings: Settings, redirection: str, unbuffered: str
) -> None:
    command = f"{sys.executable} -m tests.runtime.programs.ends prints_little {redirection}"
    ended = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env=clean_environment(settings.home, PYTHONUNBUFFERED=unbuffered),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    full = "full" in redirection
    assert ended.returncode == (70 if full else 0)
    assert ended.stderr == (
        "error: cannot write the output: No space left on device\n" if full else ""
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_speaks_korean_whatever_the_locale(settings: Settings, variables: dict[str, str]) -> None:
    ended = run(settings, "speaks_korean", **variables)
    assert ended.returncode == 2
    assert ended.stdout.decode() == "주문이 완료되었습니다 \\udce9\n"
    log, error = ended.stderr.decode().splitlines()
    assert '"message": "주문"' in log
    assert error == "error: 잘못된 입력"


def test_its_files_are_for_their_owner_alone(settings: Settings) -> None:
    assert run(settings, "makes_a_file").returncode == 0
    path = f"{settings.home}-file"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def leave_after_a_worker(server: Server, start_program: StartProgram, rounds: int) -> None:
    for _ in range(rounds):
        programs = [start_program("run_worker", server.address) for _ in range(4)]
        assert [program.wait() for program in programs] == [(0, "3\n", "")] * 4


def test_leaves_cleanly_after_a_worker(server: Server, start_program: StartProgram) -> None:
    leave_after_a_worker(server, start_program, 5)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_leaves_cleanly_after_a_worker_each_time(
    server: Server, start_program: StartProgram
) -> None:
    leave_after_a_worker(server, start_program, 50)


def test_importing_settings_and_program_does_not_load_the_sdk() -> None:
    code = (
        "import sys, runtime.settings, runtime.program, runtime.logs, runtime.server\n"
        "print([name for name in sys.modules if name.startswith('temporalio')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"
