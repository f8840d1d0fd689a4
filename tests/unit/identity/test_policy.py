# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from dbx_otel.identity.policy import decide
from dbx_otel.settings import IdentityMode, ProxyTrust, Settings

KEY = "canary-of-a-key-16"


@pytest.mark.parametrize(
    ("trust", "app_name", "trusted"),
    [
        (ProxyTrust.AUTO, "orders", True),
        (ProxyTrust.AUTO, "", False),
        (ProxyTrust.AUTO, None, False),
        (ProxyTrust.ALWAYS, None, True),
        (ProxyTrust.NEVER, "orders", False),
    ],
)
def test_when_headers_are_believed(trust: ProxyTrust, app_name: str | None, trusted: bool) -> None:
    environ = {} if app_name is None else {"DATABRICKS_APP_NAME": app_name}
    policy, problems = decide(Settings(trust_proxy=trust), environ)
    assert (policy.trusted, policy.mode, policy.key, problems) == (trusted, IdentityMode.FULL, None, [])


def test_key_from_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("another-key-of-16-bytes")
    settings = Settings(identity=IdentityMode.HASH, identity_key=KEY, identity_key_file=file)
    policy, problems = decide(settings, {})
    assert (policy.mode, policy.key, problems) == (IdentityMode.HASH, KEY.encode(), [])


def test_the_same_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    policy, problems = decide(Settings(identity=IdentityMode.HASH, identity_key_file=file), {})
    assert (policy.key, problems) == (KEY.encode(), [])


def test_a_key_that_is_no_text() -> None:
    key = b"\xff".decode("utf-8", "surrogateescape") * 16
    policy, problems = decide(Settings(identity=IdentityMode.HASH, identity_key=key), {})
    assert (policy.key, problems) == (b"\xff" * 16, [])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "DBX_OTEL_IDENTITY is 'hash', which needs DBX_OTEL_IDENTITY_KEY or DBX_OTEL_IDENTITY_KEY_FILE"),
        ({"identity_key": "canary-too-shrt"}, "DBX_OTEL_IDENTITY_KEY gives a key of 15 bytes; allowed: 16 or more"),
        ({"identity_key_file": Path("/no/such/file")}, "DBX_OTEL_IDENTITY_KEY_FILE is '/no/such/file', which cannot"),
        ({"identity_key_file": Path("/")}, "DBX_OTEL_IDENTITY_KEY_FILE is '/', which cannot be read (Is a directory)"),
        ({"identity_key_file": Path("/dev/null")}, "DBX_OTEL_IDENTITY_KEY_FILE gives a key of 0 bytes"),
    ],
)
def test_who_asked_for_hashes_and_gave_no_key_gets_no_names(settings: dict[str, str | Path], said: str) -> None:
    policy, problems = decide(Settings(identity=IdentityMode.HASH, **settings), {"DATABRICKS_APP_NAME": "orders"})  # type: ignore[arg-type]  # one of several types
    assert (policy.mode, policy.key) == (IdentityMode.OFF, None)
    (problem,) = problems
    assert problem.text.startswith(said)
    assert problem.text.endswith("; used instead: DBX_OTEL_IDENTITY=off")
    assert "canary" not in problem.text


def test_the_key_is_in_no_representation() -> None:
    settings = Settings(identity=IdentityMode.HASH, identity_key=KEY, otlp_headers="k=canary")
    policy, _ = decide(settings, {})
    assert "canary" not in repr(policy) + str(policy) + repr(settings) + str(settings)
