# SPDX-License-Identifier: Apache-2.0
"""The ranges of pyproject.toml resolve on a fresh machine: alone, from their lower end, and with old app images."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.launched import BIN, ROOT
from tests.support.old_image import REQUIREMENTS

OLDEST_PYTHON = "3.11"


def resolved(*words: str) -> dict[str, str]:
    """Return what uv would install, by name."""
    command = [str(BIN / "uv"), "pip", "compile", "-q", "--no-header", "--no-annotate", "--no-config"]
    done = subprocess.run(
        [*command, "--python-version", OLDEST_PYTHON, str(ROOT / "pyproject.toml"), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = (line.partition(";")[0].strip() for line in done.stdout.splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def is_whole(versions: dict[str, str]) -> None:
    """Check that OpenTelemetry's packages are of one release: contrib's pin one another, and the SDK's follow."""
    contrib = {version for name, version in versions.items() if name.startswith("opentelemetry-instrumentation")}
    core = {versions[f"opentelemetry-{name}"] for name in ("api", "sdk", "proto", "exporter-otlp")}
    assert len(contrib) == 1
    assert len(core) == 1
    minor = re.fullmatch(r"1\.(\d+)\.\d+", core.pop())
    assert minor is not None
    # 1.45 and 0.66 are one release; the two have counted on side by side ever since 1.15 and 0.36.
    assert re.match(rf"0\.{int(minor[1]) + 21}b", contrib.pop())


def test_the_newest_end() -> None:
    versions = resolved()
    is_whole(versions)
    assert tuple(map(int, versions["databricks-sdk"].split("."))) > (0, 33, 0)


def test_the_lower_end() -> None:
    versions = resolved("--resolution", "lowest-direct")
    is_whole(versions)
    assert versions["opentelemetry-sdk"] == "1.45.1"
    assert versions["opentelemetry-instrumentation"] == "0.66b1"
    assert versions["databricks-sdk"] == "0.33.0"


@pytest.mark.parametrize("extra", [["--extra", "demo"], ["--group", "apps"], ["--group", "dev"]])
def test_with_what_tests_and_the_demo_need(extra: list[str]) -> None:
    is_whole(resolved(*extra))


def pins(file: Path) -> dict[str, str]:
    lines = (re.sub(r"\[.*\]", "", line.strip()) for line in file.read_text().splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def test_the_old_end() -> None:
    versions = resolved(str(REQUIREMENTS))
    is_whole(versions)
    expected = {
        "databricks-sdk": "0.33.0",
        "databricks-sql-connector": "3.4.0",
        "mlflow-skinny": "2.16.2",
        "gradio": "4.44.0",
        "streamlit": "1.38.0",
        "shiny": "1.1.0",
        "dash": "2.18.1",
        "flask": "3.0.3",
        "fastapi": "0.115.0",
        "uvicorn": "0.30.6",
        "gunicorn": "23.0.0",
        "plotly": "5.24.1",
    }
    assert expected.items() <= pins(REQUIREMENTS).items()
    assert expected.items() <= versions.items()


@pytest.mark.parametrize("version", ["23.2.1", "24.0"])
def test_pip_of_app_images_resolves_too(version: str, tmp_path: Path) -> None:
    # It goes back one package at a time where uv looks at all of them: a release that was published in part stops it.
    subprocess.run([BIN / "uv", "venv", "-q", "--python", OLDEST_PYTHON, tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([BIN / "uv", "pip", "install", "-q", "--python", python, f"pip=={version}"], check=True)
    report = tmp_path / "report.json"
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", "--dry-run", "--report", report, ROOT],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    installed = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    is_whole({item["name"]: item["version"] for item in installed})
