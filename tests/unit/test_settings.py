# SPDX-License-Identifier: Apache-2.0
"""Every row of the table of settings: good, bad and empty values."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbx_otel import settings
from dbx_otel.setting_kinds import public_address
from dbx_otel.settings import (
    IdentityMode,
    Pipeline,
    Protocol,
    ProxyTrust,
    Settings,
    StdoutMode,
    load,
    resolved_stdout,
    shown,
    table,
)

GOOD: dict[str, dict[str, Any]] = {
    "DBX_OTEL_ENABLED": {"true": True, "FALSE": False, "1": True, "0": False, "Yes": True, "no": False, "off": False},
    "DBX_OTEL_IDENTITY": {"full": IdentityMode.FULL, "HASH": IdentityMode.HASH, "off": IdentityMode.OFF},
    "DBX_OTEL_IDENTITY_KEY": {"canary Key": "canary Key"},
    "DBX_OTEL_IDENTITY_KEY_FILE": {"/a/b c": Path("/a/b c")},
    "DBX_OTEL_TRUST_PROXY": {"auto": ProxyTrust.AUTO, "Always": ProxyTrust.ALWAYS, "never": ProxyTrust.NEVER},
    "DBX_OTEL_STDOUT": {
        "json": StdoutMode.JSON,
        "text": StdoutMode.TEXT,
        "off": StdoutMode.OFF,
        "auto": StdoutMode.AUTO,
    },
    "DBX_OTEL_STDOUT_MAX_BYTES": {"1024": 1024, "1000000": 1_000_000, "5e3": 5000},
    "DBX_OTEL_LOG_LEVEL": {"debug": 10, "INFO": 20, "Warning": 30, "ERROR": 40, "CRITICAL": 50},
    "DBX_OTEL_OTLP_ENDPOINT": {
        "http://localhost:4318": "http://localhost:4318",
        "HTTPS://a.example/x": "https://a.example/x",
        "http://[::1]:4317": "http://[::1]:4317",
    },
    "DBX_OTEL_OTLP_PROTOCOL": {"http/protobuf": Protocol.HTTP, "GRPC": Protocol.GRPC},
    "DBX_OTEL_OTLP_HEADERS": {"a=canary": "a=canary"},
    "DBX_OTEL_OTLP_HEADERS_FILE": {"headers": Path("headers")},
    "DBX_OTEL_PIPELINE": {"light": Pipeline.LIGHT, "SDK": Pipeline.SDK},
    "DBX_OTEL_BUFFER_MAX_BYTES": {"65536": 65536, "33554432": 33554432},
    "DBX_OTEL_SPOOL_DIR": {"/var/spool/x": Path("/var/spool/x")},
    "DBX_OTEL_SPOOL_MAX_BYTES": {"0": 0, "1e6": 1_000_000},
    "DBX_OTEL_METRICS_VIEWS": {"app.metrics:VIEWS": "app.metrics:VIEWS"},
    "DBX_OTEL_CONTRIB_INSTRUMENTATIONS": {"fastapi,flask": "fastapi,flask", "*": "*"},
    "DBX_OTEL_EXIT_DEADLINE": {"0": 0, "14": 14, "2.5": 2.5},
    "DBX_OTEL_DISABLED_INSTRUMENTATIONS": {"flask": "flask", "a , b,,": "a , b,,", "*": "*"},
    "DBX_OTEL_DEPLOYMENT_ID": {"2026-11-23": "2026-11-23"},
}
BAD = {
    "DBX_OTEL_ENABLED": ["maybe", "2", "truefalse"],
    "DBX_OTEL_IDENTITY": ["none", "hashed", "full,hash"],
    "DBX_OTEL_TRUST_PROXY": ["true", "false"],
    "DBX_OTEL_STDOUT": ["yaml"],
    "DBX_OTEL_STDOUT_MAX_BYTES": ["1023", "1000001", "many", "nan", "inf", "-1", "0x1000"],
    "DBX_OTEL_LOG_LEVEL": ["20", "verbose"],
    "DBX_OTEL_OTLP_ENDPOINT": [
        *(
            "localhost:4318",
            "http://",
            "https:///v1",
            "ftp://a",
            "http:a",
            "http://a:b",
            "http://a:99999",
            "http://[::1",
        ),
        *("http://a b", "http://a\nb", "http://:4318"),
    ],
    "DBX_OTEL_OTLP_PROTOCOL": ["http/json", "http"],
    "DBX_OTEL_PIPELINE": ["heavy", "lightsdk"],
    "DBX_OTEL_BUFFER_MAX_BYTES": ["65535", "32MB", "nan"],
    "DBX_OTEL_SPOOL_MAX_BYTES": ["-1", "some"],
    "DBX_OTEL_EXIT_DEADLINE": ["14.1", "-1", "nan", "5s"],
}
TAKES_ANY_TEXT = {
    "DBX_OTEL_IDENTITY_KEY",
    "DBX_OTEL_IDENTITY_KEY_FILE",
    "DBX_OTEL_OTLP_HEADERS",
    "DBX_OTEL_OTLP_HEADERS_FILE",
    "DBX_OTEL_SPOOL_DIR",
    "DBX_OTEL_METRICS_VIEWS",
    "DBX_OTEL_DISABLED_INSTRUMENTATIONS",
    "DBX_OTEL_CONTRIB_INSTRUMENTATIONS",
    "DBX_OTEL_DEPLOYMENT_ID",
}
LESS = {"DBX_OTEL_IDENTITY": IdentityMode.OFF, "DBX_OTEL_TRUST_PROXY": ProxyTrust.NEVER}
"""Where a slip must not show more of the user than was asked for."""
ROWS = {row.variable: row for row in table()}


def test_these_tests_are_about_every_row() -> None:
    assert set(GOOD) == set(ROWS)
    assert set(BAD) | TAKES_ANY_TEXT == set(ROWS)
    assert set(BAD).isdisjoint(TAKES_ANY_TEXT)


@pytest.mark.parametrize(("variable", "text"), [(variable, text) for variable in GOOD for text in GOOD[variable]])
def test_good_values(variable: str, text: str) -> None:
    values, problems = load({variable: f" {text} "})
    assert problems == []
    assert getattr(values, ROWS[variable].attribute) == GOOD[variable][text]
    others = [row.attribute for row in table() if row.variable != variable]
    assert [getattr(values, name) for name in others] == [getattr(Settings(), name) for name in others]


@pytest.mark.parametrize(("variable", "text"), [(variable, text) for variable in BAD for text in BAD[variable]])
def test_bad_values_give_one_line_and_what_is_used_instead(variable: str, text: str) -> None:
    values, problems = load({variable: text})
    row = ROWS[variable]
    instead = LESS.get(variable, row.default)
    assert values == Settings(**{row.attribute: instead})
    ((name, said),) = problems
    assert name == variable
    assert said.startswith(f"{variable} is ")
    assert f"; allowed: {row.kind.allowed}; used instead: " in said
    assert "\n" not in said
    if variable == "DBX_OTEL_LOG_LEVEL":
        assert said.endswith("used instead: INFO")
    else:
        assert said.endswith(f"used instead: {shown(instead)}")
    if variable != "DBX_OTEL_OTLP_ENDPOINT":
        assert repr(text) in said


@pytest.mark.parametrize("text", ["", " ", "\t"])
@pytest.mark.parametrize("variable", GOOD)
def test_empty_is_not_set(variable: str, text: str) -> None:
    assert load({variable: text}) == (Settings(), [])


def test_no_environment_is_all_defaults() -> None:
    assert load({}) == (Settings(), [])
    for row in table():
        assert getattr(Settings(), row.attribute) == row.default


@given(st.dictionaries(st.sampled_from([*GOOD]), st.text()))
def test_no_value_is_an_exception(environ: dict[str, str]) -> None:
    values, problems = load(environ)
    assert isinstance(values, Settings)
    assert {problem.variable for problem in problems} <= set(environ)
    assert all("\n" not in problem.text for problem in problems)


def test_every_bad_value_is_reported_beside_the_others() -> None:
    _, problems = load({variable: texts[0] for variable, texts in BAD.items()})
    assert [problem.variable for problem in problems] == [row.variable for row in table() if row.variable in BAD]


@pytest.mark.parametrize("name", ["DBX_OTEL_IDENTTY", "DBX_OTEL_", "DBX_OTEL_stdout"])
def test_a_variable_that_does_not_exist_is_reported(name: str) -> None:
    values, ((variable, text),) = load({name: "canary"})
    assert values == Settings()
    assert variable == name
    assert text == f"{name} is set, but there is no such setting; see docs/settings.md for those there are"


@pytest.mark.parametrize("name", ["DBX_OTEL_RUN", "DBX_OTEL_RUN_SAID", "DBX_OTEL_RUN_WARNED", "OTEL_X", "DBX_OTHER"])
def test_variables_of_the_launcher_and_of_others_are_not(name: str) -> None:
    assert load({name: "1"}) == (Settings(), [])


def test_secrets_are_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {row.variable for row in table() if row.secret}
    assert secret == {"DBX_OTEL_IDENTITY_KEY", "DBX_OTEL_OTLP_HEADERS"}

    def refuse(text: str) -> str:
        raise ValueError(text)

    rows = [row._replace(kind=row.kind._replace(parse=refuse)) for row in ROWS.values()]
    monkeypatch.setattr(settings, "table", lambda: rows)
    values, problems = load(dict.fromkeys(secret, "canary"))
    assert len(problems) == 2
    assert all("is a value that is not shown; allowed: text" in problem.text for problem in problems)
    assert "canary" not in str(problems) + repr(values)


def test_secrets_are_in_no_representation() -> None:
    values, _ = load({"DBX_OTEL_IDENTITY_KEY": "canary", "DBX_OTEL_OTLP_HEADERS": "a=canary"})
    assert values.identity_key == "canary"
    assert "canary" not in repr(values)


def test_a_bad_address_is_shown_without_its_credentials() -> None:
    _, (problem,) = load({"DBX_OTEL_OTLP_ENDPOINT": "htps://canary:canary@host/path?key=canary"})
    assert "DBX_OTEL_OTLP_ENDPOINT is 'htps://host/path'; allowed" in problem.text


def test_a_long_bad_value_is_cut() -> None:
    _, (problem,) = load({"DBX_OTEL_STDOUT": "x" * 100_000})
    assert len(problem.text) < 400


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://host:4318/path", "http://host:4318/path"),
        ("https://user:canary@host/v1", "https://host/v1"),
        ("https://canary@host:1/", "https://host:1/"),
        ("https://host/p?key=canary#canary", "https://host/p"),
        ("https://canary:p@ss@host", "https://host"),
        ("http://user:canary@[::1]:4317", "http://[::1]:4317"),
        ("user:canary@host:4317", "host:4317"),
        ("localhost:4317", "localhost:4317"),
        ("host:4317?key=canary", "host:4317"),
        ("http://host:canary", "an endpoint that is no address"),
        ("http://user:can#ary@host", "an endpoint that is no address"),
        ("http://[canary", "an endpoint that is no address"),
        ("", ""),
    ],
)
def test_what_is_shown_of_an_address(address: str, said: str) -> None:
    assert public_address(address) == said


@given(st.text())
def test_any_address_can_be_shown(text: str) -> None:
    assert isinstance(public_address(text), str)


@given(st.from_regex(r"canary[a-z0-9%._~-]*", fullmatch=True), st.sampled_from(["http", "https", "grpc"]))
def test_no_password_is_shown(password: str, scheme: str) -> None:
    for address in (
        f"{scheme}://u:{password}@host:1/p",
        f"{scheme}://{password}@host?{password}",
        f"u:{password}@host:1",
    ):
        assert "canary" not in public_address(address)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, "not set"), (True, "true"), (False, "false"), (5.0, "5"), (2.5, "2.5"), (262144, "262144")),
        *((IdentityMode.FULL, "full"), (Path("/a"), "/a")),
    ],
)
def test_values_as_a_person_writes_them(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_docs_can_be_derived(row: settings.Row) -> None:
    assert row.variable == f"DBX_OTEL_{row.attribute.upper()}"
    assert row.meaning.endswith(".")
    assert len(row.meaning) > 20
    assert row.kind.allowed
    # What is shown of a default can be written into the environment, and is the default then.
    if row.default not in (None, 20):
        assert row.kind.parse(shown(row.default)) == row.default


@pytest.mark.parametrize(
    ("stdout", "app_name", "mode"),
    [
        ("", "orders", "json"),
        ("", "", "off"),
        ("", None, "off"),
        ("text", "orders", "text"),
        ("off", "orders", "off"),
        ("json", None, "json"),
    ],
)
def test_what_becomes_of_log_records(stdout: str, app_name: str | None, mode: str) -> None:
    environ = {"DBX_OTEL_STDOUT": stdout, **({} if app_name is None else {"DATABRICKS_APP_NAME": app_name})}
    assert resolved_stdout(load(environ)[0], environ) == mode
