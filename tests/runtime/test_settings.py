"""Settings: defaults, bad values, secrets."""

import os
import stat
from pathlib import Path

import pytest

from runtime.program import ExitCode
from runtime.settings import Settings, SettingsError


def test_defaults_when_nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert settings.home == tmp_path / ".order-saga"
    assert settings.database_url_for("payments") == (
        f"sqlite+aiosqlite:///{tmp_path}/.order-saga/payments.db"
    )
    assert (settings.deadline_seconds, settings.step_seconds) == (900, 60)
    assert settings.alert_urls == ()
    assert settings.smtp_url is None
    assert not settings.home.exists()


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "ORDER_SAGA_DATABASE_URL", "postgresql://shop:p{w@db/{service}?application_name={service}"
    )
    monkeypatch.setenv(
        "ORDER_SAGA_ALERT_URLS", "https://a.example/x?to=1,2, mailto://b.example\n slack://c"
    )
    monkeypatch.setenv("ORDER_SAGA_LOG_LEVEL", "debug")
    monkeypatch.setenv("ORDER_SAGA_SMTP_URL", "")
    settings = Settings.load()
    assert settings.database_url_for("points") == (
        "postgresql+asyncpg://shop:p{w@db/points?application_name=points"
    )
    assert [url.get_secret_value() for url in settings.alert_urls] == [
        "https://a.example/x?to=1,2",
        "mailto://b.example",
        "slack://c",
    ]
    assert settings.log_level == "DEBUG"
    assert settings.smtp_url is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEADLINE_SECONDS", "0"),
        ("DEADLINE_SECONDS", "-1"),
        ("DEADLINE_SECONDS", "nan"),
        ("DEADLINE_SECONDS", "inf"),
        ("STEP_SECONDS", "1e9"),
        ("STEP_SECONDS", "soon"),
        ("DATABASE_URL", "mysql://canary@db/{service}"),
        ("DATABASE_URL", "postgresql://canary@db/shop"),
        ("DATABASE_URL", "canary"),
        ("ALERT_URLS", "canary"),
        ("ALERT_URLS", "https://ok.example canary"),
        ("SMTP_URL", "canary:25"),
        ("EVENT_URL", "canary"),
        ("EVENT_URL", "ftp://canary@example.org"),
        ("EVENT_URL", "https://"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "LOUD"),
        ("HOME", "a\x00b"),
        ("DEFAULT_ADDRESS", "localhost"),
        ("WEB_UI_URL", "localhost:8233"),
    ],
)
def test_says_what_is_wrong_when_a_value_is_bad(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    if "\x00" in value:  # cannot be in an environment, but on a command line's way in
        with pytest.raises(SettingsError, match=f"ORDER_SAGA_{variable}"):
            Settings.load(home=value)
        return
    monkeypatch.setenv(f"ORDER_SAGA_{variable}", value)
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    message = str(raised.value)
    assert message.startswith(f"ORDER_SAGA_{variable}: ")
    assert "\n" not in message
    assert "canary" not in message
    assert raised.value.exit_code == ExitCode.BAD_INPUT


def test_says_so_when_a_name_is_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_SAGA_DEADLINE_SECOND", "5")
    with pytest.raises(SettingsError, match="did you mean ORDER_SAGA_DEADLINE_SECONDS"):
        Settings.load()


def test_secrets_are_not_shown() -> None:
    settings = Settings.load(
        database_url="postgresql://shop:canary@db/{service}",
        alert_urls="https://example.org/canary",
        smtp_url="smtp://shop:canary@mail:25",
        event_url="https://example.org/canary",
    )
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings.model_dump())
    assert "canary" not in settings.model_dump_json()


def test_home_is_made_for_its_owner_alone(settings: Settings) -> None:
    umask = os.umask(0)
    try:
        settings.prepare_home()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    settings.prepare_home()


def test_home_is_the_same_folder_under_every_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert Settings.load(home="link/../link").home == tmp_path / "real"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SettingsError, match="not the path of a folder"):
        Settings.load(home=tmp_path / "loop")


def test_says_so_when_home_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(SettingsError, match="ORDER_SAGA_HOME: cannot make the folder"):
        Settings.load(home=tmp_path / "home").prepare_home()
