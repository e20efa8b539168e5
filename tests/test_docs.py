"""What the documents name exists, what has to be documented is, and both READMEs say the same."""

import io
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from audit.auditor import RULES
from client.display import Storyteller
from client.observation import Observation
from models.errors import REFUSALS
from models.events import EventType
from models.order import Order
from models.saga import SagaKind, SagaState, SagaStatus
from models.steps import (
    COMPENSATABLE,
    CREATE_SHIPMENT,
    PROCESS_PAYMENT,
    SEND_NOTIFICATION,
    STEPS,
    Compensatable,
    ErrorCode,
    Service,
    Step,
)
from runtime.program import ExitCode
from runtime.settings import PREFIX, Settings
from tests.markdown import (
    anchors,
    blocks,
    code_in,
    first_names,
    headings,
    links,
    prose,
    rows,
    section,
    spans,
    text_of,
)
from tests.test_architecture import ALLOWED, ROOT, files_of
from web.access import Role
from web.problems import CODES
from workflows import calls
from workflows.choreography.subscriptions import SUBSCRIPTIONS, Verb

README, KOREAN = ROOT / "README.md", ROOT / "README.ko.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
OPERATIONS = ROOT / "docs" / "operations.md"
HTTP_API = ROOT / "docs" / "http-api.md"
CHOREOGRAPHY = ROOT / "docs" / "choreography.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MADE_AT_RUN_TIME = {"temporal.json", "temporal.log", "temporal.users", "temporal.lock"}
TEMPORALS_OWN_OPTIONS = {"--address"}

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


@cache
def help_of(*program: str) -> str:
    command = [sys.executable, *program, "--help"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"{program}: {answer.stderr}"
    return answer.stdout


@cache
def commands() -> frozenset[str]:
    listed = help_of("starter.py").partition("\ncommands:")[2].partition("\n\n")[0]
    return frozenset(re.findall(r"^ {4}([a-z][a-z-]*)\b", listed, re.MULTILINE)) - {"command"}


def options(*program: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z-]*", help_of(*program)))


def operator_codes() -> set[str]:
    """The codes with which an operator's action is refused."""
    sources = "".join(text_of(path) for room in ("workflows", "client") for path in files_of(room))
    raised = re.findall(r'\b(?:conflict|ActionRefused)\(\s*"([A-Z_]+)"', sources)
    return {*raised, *re.findall(r'\bcode = "([A-Z_]+)"', sources)}


@each_document
def test_internal_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), f"{path.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{path.name}: {link}"


@each_document
def test_named_commands_and_options_exist(path: Path) -> None:
    known = {option for name in commands() for option in options("starter.py", name)}
    known |= options("starter.py") | options("worker.py") | TEMPORALS_OWN_OPTIONS
    for code in code_in(path):
        if match := re.search(r"python (starter|worker)\.py(.*)", code):
            words = match[2].partition("#")[0].split()
            named = words[:1] if match[1] == "starter" and words[:1] != ["--help"] else []
            assert set(named) <= commands(), f"{path.name}: {code}"
            allowed = options(f"{match[1]}.py", *named)
            assert {word for word in words if word.startswith("--")} <= allowed, code
        elif code.startswith("--"):
            assert code.split()[0] in known, f"{path.name}: {code}"
        if match := re.match(r"python -m (\S+)", code):
            module = ROOT / match[1].replace(".", "/")
            assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), code


@each_document
def test_named_files_and_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for code in code_in(path):
        if match := re.match(r"\s*make ([a-z-]+)", code):
            assert match[1] in targets, f"{path.name}: {code}"
        if re.fullmatch(r"[\w.-][\w./-]*\.(py|md|json|toml|txt|log|users|lock)", code):
            exists = (ROOT / code).exists() or code in MADE_AT_RUN_TIME
            assert exists, f"{path.name}: {code}"


@each_document
def test_named_settings_and_codes_exist(path: Path) -> None:
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    running = {step.running for step in STEPS} | {s.compensation.running for s in COMPENSATABLE}
    codes: set[str] = {*ErrorCode, *SagaStatus, *Step, *running, *operator_codes(), *CODES}
    for name in re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", text_of(path)):
        assert name in settings, f"{path.name}: {name}"
    for code in spans(prose(path)):
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", code) and not code.startswith(
            (PREFIX, "TEMPORAL_", "TEST_", "FORWARDED_")
        ):
            assert code in codes, f"{path.name}: {code}"


def test_every_command_is_in_the_readme() -> None:
    named = {word for code in first_names(section(README, "Commands")) for word in code.split()[:1]}
    assert named - {"python"} == commands()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_documented_once_with_its_default(name: str) -> None:
    found = [row for row in rows(text_of(README)) if row[0] == f"`{PREFIX}{name.upper()}`"]
    assert len(found) == 1
    default = Settings.model_fields[name].default
    if isinstance(default, int | float) and not isinstance(default, bool):
        assert found[0][1] == f"{default:g}"
    elif isinstance(default, str | Path) and not isinstance(default, SecretStr):
        assert str(default) in found[0][1].strip("`")


def test_every_exit_code_is_documented() -> None:
    codes = [int(row[0]) for row in rows(section(README, "Commands")) if row[0].isdigit()]
    assert codes == [code.value for code in ExitCode]


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Statuses", SagaStatus),
        ("Steps", Step),
        ("Error codes", ErrorCode),
        ("Refusals of services", REFUSALS | {"KeyReused"}),
        ("Refused actions", operator_codes()),
        ("Audit", {rule.name for rule in RULES}),
    ],
)
def test_operations_explain_each_name_once_and_no_other(title: str, names: Iterable[str]) -> None:
    assert sorted(first_names(section(OPERATIONS, title))) == sorted(names)


def test_http_api_explains_each_code_once_with_its_status() -> None:
    documented = [(*spans(row[0]), int(row[1])) for row in rows(section(HTTP_API, "Codes"))]
    assert sorted(documented) == sorted((code, meaning.status) for code, meaning in CODES.items())


def test_http_api_explains_every_role() -> None:
    assert first_names(section(HTTP_API, "Tokens and roles")) == list(Role)


def test_operations_name_whatever_runs() -> None:
    named = set(spans(section(OPERATIONS, "Steps")))
    assert {step.running for step in STEPS} <= named
    assert {step.compensation.running for step in COMPENSATABLE} <= named


def test_architecture_has_the_table_of_steps() -> None:
    documented = [[*spans("|".join(row))] for row in rows(section(ARCHITECTURE, "The saga"))]
    expected = []
    for step in STEPS:
        names = [str(step.step), step.running, step.activity]
        if isinstance(step, Compensatable):
            names += [step.compensation.activity, str(step.refused), str(step.failed)]
        expected.append(names)
    assert documented == expected


def test_architecture_has_the_rooms_and_what_each_may_import() -> None:
    documented = {
        spans(row[0])[0]: set(spans(row[2])) for row in rows(section(ARCHITECTURE, "Rooms"))
    }
    assert set(documented) == {room for room in ALLOWED if files_of(room)}
    for room, named in documented.items():
        assert room == "worker" or ALLOWED[room] <= named, room


def test_architecture_has_the_timeouts_of_every_preset() -> None:
    documented = {
        spans(row[0])[0]: {
            float(seconds) for seconds in re.findall(r"([\d.]+) s\b", "|".join(row[2:5]))
        }
        for row in rows(section(ARCHITECTURE, "Timeouts and retries"))
        if spans(row[0])
    }
    shipping = Service.SHIPPING
    payments = calls.forward(PROCESS_PAYMENT, timedelta(seconds=60))["start_to_close_timeout"]
    assert payments == timedelta(seconds=10)
    presets = {
        "forward": calls.forward(CREATE_SHIPMENT, timedelta(seconds=60)),
        "first_attempts": calls.first_attempts(shipping, ""),
        "must_succeed": calls.must_succeed(shipping, ""),
        "notification": calls.notification(SEND_NOTIFICATION),
        "alert": calls.alert(""),
        "audit": calls.audit(),
    }
    for name, config in presets.items():
        retries, limit = config["retry_policy"], config["schedule_to_close_timeout"]
        assert retries is not None
        assert retries.maximum_interval is not None
        times = [
            config["start_to_close_timeout"],
            retries.initial_interval,
            retries.maximum_interval,
        ]
        times += [limit] if limit and name != "forward" else []
        paid = {10.0} if name in ("forward", "first_attempts", "must_succeed") else set()
        assert documented[name] == {time.total_seconds() for time in times if time} | paid, name
    local = calls.local_attempt("")["start_to_close_timeout"]
    assert local is not None
    assert documented.keys() - presets.keys() == {"local_attempt"}
    assert documented["local_attempt"] == {local.total_seconds()}


def test_choreography_has_the_table_of_subscriptions() -> None:
    documented = {
        spans(row[0])[0]: re.findall(r"([a-z]+): (?:`([a-z_]+)`|counted)", row[1])
        for row in rows(section(CHOREOGRAPHY, "Who reacts to what"))
    }
    expected = {
        str(event): [
            (str(each.service), "" if each.verb is Verb.COUNTS else each.call)
            for each in subscriptions
        ]
        for event, subscriptions in SUBSCRIPTIONS.items()
    }
    assert documented == expected
    assert set(documented) == set(EventType)


def test_readmes_are_the_same_but_for_the_language() -> None:
    assert [level for level, _ in headings(KOREAN)] == [level for level, _ in headings(README)]
    assert blocks(KOREAN) == blocks(README)
    assert len(blocks(README)) >= 6
    pictures = [link.replace("-ko.png", ".png") for link in links(KOREAN)]
    assert pictures[1:] == links(README)[1:]
    assert set(spans(prose(KOREAN))) == set(spans(prose(README)))
    assert [len(row) for row in rows(text_of(KOREAN))] == [
        len(row) for row in rows(text_of(README))
    ]


def test_contributing_stays_short() -> None:
    assert len(text_of(ROOT / "CONTRIBUTING.md").splitlines()) <= 100


def test_readme_shows_what_the_demonstration_prints() -> None:
    shown = next(block for block in blocks(README) if block.startswith("```text"))
    lines = shown.splitlines()[1:-1]
    order_id = lines[0].removeprefix("Order ")
    started = datetime(2026, 1, 1, tzinfo=UTC)
    order = Order(
        order_id=order_id,
        customer_id="CUST-456",
        lines=(),
        currency="USD",
        total_amount=5000,
        payment_method="credit_card",
        shipping_address="1 Main Street",
    )
    state = SagaState.at_start(order, SagaKind.ORCHESTRATED, f"order-{order_id}", started)
    state.executed_steps = [Step.ORDER_CREATED, Step.INVENTORY_RESERVED]
    state.compensated_steps = [Step.INVENTORY_RESERVED, Step.ORDER_CREATED]
    state.error_code = ErrorCode.PAYMENT_PROCESSING_FAILED
    state.error_message = "the card was declined"
    state.status = SagaStatus.COMPENSATED
    state.compensated_at = started + timedelta(seconds=0.13)
    printed = io.StringIO()
    story = Storyteller(Console(file=printed, soft_wrap=True))
    story.tell(Observation(state))
    story.ending(state)
    assert printed.getvalue().splitlines() == lines
