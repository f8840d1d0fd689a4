# SPDX-License-Identifier: Apache-2.0
import importlib
from pathlib import Path

import pytest

from dbx_otel import cli
from dbx_otel.cli import demo


def test_help_names_every_sub_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for name in cli._COMMANDS:
        assert name in shown
        # Long help is broken into lines: its first words tell enough.
        assert importlib.import_module(f"dbx_otel.cli.{name}").SUMMARY[:30] in " ".join(shown.split())


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("dbx-otel 0.")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "COMMAND"),
        (["brew"], "'brew'"),
        (["receive", "--http-port", "70000"], "'70000' is no port; give a number from 0 to 65535"),
        (["receive", "--grpc-port", "-1"], "'-1' is no port"),
        (["receive", "--grpc-port", "٣"], "is no port"),
        (["demo", "--twice"], "--twice"),
    ],
)
def test_bad_usage_is_status_2_and_named(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_the_demo_says_in_one_line_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_NEEDED", ("json", "no_such_web_framework"))
    assert cli.main(["demo", "--once"]) == 1
    told = capsys.readouterr().err
    assert told == "dbx-otel demo: no_such_web_framework not installed; remedy: pip install 'dbx-otel[demo]'\n"


def test_the_demo_says_that_its_app_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "app_folder", lambda: None)
    assert cli.main(["demo", "--once"]) == 1
    assert capsys.readouterr().err == (
        "dbx-otel demo: its example app is missing from this installation; install it anew\n"
    )


def test_the_demo_runs_the_example_of_the_checkout_or_its_copy_in_the_installation() -> None:
    folder = demo.app_folder()
    assert folder
    example = Path(__file__).parents[3] / "examples" / "fastapi" / "app.py"
    assert (folder / "app.py").read_text() == example.read_text()
