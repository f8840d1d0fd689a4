# SPDX-License-Identifier: Apache-2.0
import pytest
from opentelemetry.sdk.resources import Resource

from dbx_otel import __version__
from dbx_otel.distro.resource import build_resource
from dbx_otel.settings import Settings

APP = {
    "DATABRICKS_APP_NAME": "orders",
    "DATABRICKS_WORKSPACE_ID": "123",
    "DATABRICKS_CLIENT_ID": "5f1c1c5e-0000-4000-8000-000000000000",
}


def built(monkeypatch: pytest.MonkeyPatch, deployment_id: str | None = None, **environ: str) -> Resource:
    for name in (*APP, "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return build_resource(Settings(deployment_id=deployment_id))


def test_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = built(monkeypatch, deployment_id="2026-11", **APP).attributes
    expected = {
        "service.name": "orders",
        "service.version": "2026-11",
        "databricks.app.name": "orders",
        "databricks.workspace.id": "123",
        "databricks.client.id": APP["DATABRICKS_CLIENT_ID"],
        "databricks.deployment.id": "2026-11",
        "telemetry.distro.name": "dbx-otel",
        "telemetry.distro.version": __version__,
        "telemetry.sdk.language": "python",
    }
    assert expected.items() <= dict(attributes).items()
    assert attributes["service.instance.id"]


def test_nothing_known_is_nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = built(monkeypatch).attributes
    assert not [name for name in attributes if name.startswith("databricks.")]
    assert "service.version" not in attributes
    assert str(attributes["service.name"]).startswith("unknown_service")
    assert built(monkeypatch, DATABRICKS_APP_NAME="", DATABRICKS_WORKSPACE_ID="").attributes.keys() == attributes.keys()


def test_what_the_platform_injects_wins_and_the_rest_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = built(
        monkeypatch,
        deployment_id="ours",
        OTEL_SERVICE_NAME="injected",
        OTEL_RESOURCE_ATTRIBUTES=(
            "workspace.id=9,app.name=a%20b,databricks.app.name=theirs,service.version=7,service.instance.id=i-1"
        ),
        **APP,
    ).attributes
    expected = {
        "service.name": "injected",
        "service.version": "7",
        "service.instance.id": "i-1",
        "workspace.id": "9",
        "app.name": "a b",
        "databricks.app.name": "theirs",
        "databricks.workspace.id": "123",
        "databricks.deployment.id": "ours",
        "telemetry.distro.name": "dbx-otel",
    }
    assert expected.items() <= dict(attributes).items()


def test_a_service_name_among_the_injected_attributes_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = built(monkeypatch, OTEL_RESOURCE_ATTRIBUTES="service.name=theirs", **APP).attributes
    assert attributes["service.name"] == "theirs"


def test_two_processes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert built(monkeypatch, **APP).attributes["service.instance.id"]
