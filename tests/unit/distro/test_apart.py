# SPDX-License-Identifier: Apache-2.0
import pytest

from dbx_otel.distro.apart import apart


def fail() -> None:
    raise ValueError("no")


def test_what_fails_says_what_to_look_at_and_no_secret(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:s3cr3t@collector.example:4318/otlp?key=s3cr3t")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cr3t")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "soon")
    assert apart("all signals over OTLP", fail) is None
    said = capfd.readouterr().err
    assert "s3cr3t" not in said
    assert "OTEL_EXPORTER_OTLP_ENDPOINT='https://collector.example:4318/otlp'" in said
    assert "OTEL_BSP_SCHEDULE_DELAY='soon'" in said
