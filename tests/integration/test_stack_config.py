# SPDX-License-Identifier: Apache-2.0
"""The configuration files: accepted by the programs that read them, and the same ones with and without containers."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.stack_lib import services
from scripts.stack_lib.build import build
from scripts.stack_lib.components import COMPOSE, JAEGER, LOKI, OTELCOL, PROMETHEUS, RUNNING, program
from scripts.stack_lib.paths import REPOSITORY
from scripts.stack_lib.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]

COMPOSE_FILE = REPOSITORY / "docker-compose.yml"
IMAGE_OF_COLLECTOR = "otel/opentelemetry-collector-contrib"


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    build((*RUNNING, COMPOSE), print)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """What docker-compose itself makes of the file."""
    done = run([program("docker-compose"), "-f", COMPOSE_FILE, "config", "--format", "json"])
    assert done.returncode == 0, done.stderr
    project: dict[str, Any] = json.loads(done.stdout)
    return project


def run(command: list[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def validate(config: Path, storage: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(
        [program("otelcol"), "validate", "--config", config],
        COLLECTOR_STORAGE_DIRECTORY=str(storage),
        **environment,
    )


def test_the_collector_accepts_its_configuration_without_a_word(tmp_path: Path) -> None:
    done = validate(services.COLLECTOR_CONFIG, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_collector_refuses_a_configuration_with_an_unknown_field(tmp_path: Path) -> None:
    config = yaml.safe_load(services.COLLECTOR_CONFIG.read_text())
    config["exporters"]["otlp_http/loki"]["sending_queue"]["storrage"] = "file_storage"
    broken = tmp_path / "config.yaml"
    broken.write_text(yaml.safe_dump(config))
    done = validate(broken, tmp_path)
    assert done.returncode != 0
    assert "storrage" in done.stderr


def test_the_collector_accepts_its_configuration_as_compose_sets_it(tmp_path: Path, compose: dict[str, Any]) -> None:
    done = validate(services.COLLECTOR_CONFIG, tmp_path, **compose["services"]["collector"]["environment"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_running_collector_warns_of_nothing_that_is_on_its_way_out(stack: Stack) -> None:
    log = (stack.data / "collector.log").read_text().splitlines()
    lines = [json.loads(line) for line in log if line.startswith("{")]
    assert any("Everything is ready" in line["msg"] for line in lines)
    warned = [line["msg"] for line in lines if line["level"] in {"warn", "error"}]
    old = ("deprecat", "legacy", "alias", "prefer", "will be removed", "no longer")
    assert [text for text in warned if any(word in text.lower() for word in old)] == []


def test_memory_limiter_is_the_first_processor_of_every_pipeline() -> None:
    config = yaml.safe_load(services.COLLECTOR_CONFIG.read_text())
    first = {name: pipeline["processors"][0] for name, pipeline in config["service"]["pipelines"].items()}
    assert set(first.values()) == {"memory_limiter"}, first


def test_every_exporter_keeps_what_it_could_not_send_on_disk_without_end_of_time() -> None:
    config = yaml.safe_load(services.COLLECTOR_CONFIG.read_text())
    assert len(config["exporters"]) == 3
    for exporter in config["exporters"].values():
        assert exporter["sending_queue"]["storage"] == "file_storage"
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_prometheus_accepts_its_configuration_and_its_targets() -> None:
    done = run([program("promtool"), "check", "config", services.PROMETHEUS_CONFIG])
    assert done.returncode == 0, done.stderr
    assert "SUCCESS" in done.stdout


def test_loki_accepts_its_configuration(tmp_path: Path) -> None:
    flags = [*services.LOKI_FLAGS, f"-config.file={services.LOKI_CONFIG}", "-verify-config"]
    done = run([program("loki"), *flags], LOKI_DATA_DIRECTORY=str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_jaeger_accepts_its_configuration() -> None:
    done = run([program("jaeger"), "validate", "--config", services.JAEGER_CONFIG])
    assert done.returncode == 0, done.stderr


def test_compose_publishes_on_the_local_machine_alone(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(published) >= 8
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_compose_runs_the_versions_that_the_tests_run(compose: dict[str, Any]) -> None:
    images = dict(service["image"].rsplit(":", 1) for service in compose["services"].values())
    assert images[IMAGE_OF_COLLECTOR] == OTELCOL.version.removeprefix("v")
    assert images["grafana/loki"] == LOKI.version.removeprefix("v")
    # Two programs count their Go modules in another way than themselves.
    assert (images["prom/prometheus"], PROMETHEUS.version) == ("v3.16.0", "v0.316.0")
    assert (images["jaegertracing/jaeger"], JAEGER.version) == ("2.13.0", "v1.76.0")
    assert "latest" not in images.values()


def test_compose_mounts_the_files_that_the_native_programs_read(compose: dict[str, Any]) -> None:
    mounted = {
        Path(volume["source"])
        for service in compose["services"].values()
        for volume in service["volumes"]
        if volume["type"] == "bind"
    }
    assert all(path.exists() for path in mounted), mounted
    native = {
        services.COLLECTOR_CONFIG,
        services.JAEGER_CONFIG,
        services.JAEGER_UI,
        services.LOKI_CONFIG,
        services.PROMETHEUS_CONFIG,
    }
    assert native <= mounted


def test_compose_gives_the_flags_that_the_native_programs_get(compose: dict[str, Any]) -> None:
    assert set(services.PROMETHEUS_FLAGS) <= set(compose["services"]["prometheus"]["command"])
    assert set(services.LOKI_FLAGS) <= set(compose["services"]["loki"]["command"])


def test_every_variable_of_compose_is_one_that_the_configuration_reads(compose: dict[str, Any]) -> None:
    files = {
        "collector": services.COLLECTOR_CONFIG,
        "jaeger": services.JAEGER_CONFIG,
        "loki": services.LOKI_CONFIG,
    }
    for name, file in files.items():
        set_ = set(compose["services"][name]["environment"]) - {"GOMEMLIMIT"}
        assert [variable for variable in set_ if variable not in file.read_text()] == []


def test_prometheus_scrapes_in_compose_what_it_scrapes_natively(stack: Stack) -> None:
    compose_targets = yaml.safe_load((services.BACKENDS / "targets" / "compose.yml").read_text())
    native_targets = json.loads((stack.data / "prometheus" / "targets" / "native.yml").read_text())
    assert {group["labels"]["job"] for group in compose_targets} == {group["labels"]["job"] for group in native_targets}


def test_the_page_on_the_collector_names_every_variable_with_its_default() -> None:
    page = (REPOSITORY / "docs" / "collector.md").read_text()
    said = dict(re.findall(r"\$\{env:(COLLECTOR_\w+):-([^}]*)\}", services.COLLECTOR_CONFIG.read_text()))
    assert len(said) > 10
    rows = [line for line in page.splitlines() if line.startswith("| `COLLECTOR_")]
    for name, default in said.items():
        assert any(f"`{name}`" in row and f"`{default}`" in row for row in rows), f"{name}={default}"
