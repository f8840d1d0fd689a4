# SPDX-License-Identifier: Apache-2.0
"""Whether identity headers are believed, and how much of them telemetry may carry."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbx_otel.settings import IdentityMode, Problem, ProxyTrust, Settings, in_databricks_app

_SHORTEST_KEY = 16


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """What the settings decide about identity.

    Attributes:
        trusted: Whether a proxy that overwrites the headers stands in front.
        mode: How much telemetry may carry.
        key: Key of the hash, if there is one.
    """

    trusted: bool
    mode: IdentityMode
    key: bytes | None = field(default=None, repr=False)


def decide(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[IdentityPolicy, list[Problem]]:
    """Derive the policy from the settings.

    Args:
        settings: The settings.
        environ: The environment, for the platform's own variable.

    Returns:
        The policy, and a problem if mode `hash` has no usable key: identity is then `off`, as somebody who asked for
        hashes must not get names.
    """
    trusted = settings.trust_proxy is ProxyTrust.ALWAYS or (
        settings.trust_proxy is ProxyTrust.AUTO and in_databricks_app(environ)
    )
    if settings.identity is not IdentityMode.HASH:
        return IdentityPolicy(trusted, settings.identity), []
    key, problem = _key(settings)
    if problem is not None:
        return IdentityPolicy(trusted, IdentityMode.OFF), [problem]
    return IdentityPolicy(trusted, IdentityMode.HASH, key), []


def _key(settings: Settings) -> tuple[bytes | None, Problem | None]:
    if settings.identity_key is not None:
        variable, key = "DBX_OTEL_IDENTITY_KEY", settings.identity_key.encode("utf-8", "surrogateescape")
    elif settings.identity_key_file is not None:
        variable = "DBX_OTEL_IDENTITY_KEY_FILE"
        try:
            key = Path(settings.identity_key_file).read_bytes().strip()
        except OSError as error:
            return None, _problem(
                variable, f"is {str(settings.identity_key_file)!r}, which cannot be read ({error.strerror})"
            )
    else:
        return None, _problem(
            "DBX_OTEL_IDENTITY", "is 'hash', which needs DBX_OTEL_IDENTITY_KEY or DBX_OTEL_IDENTITY_KEY_FILE"
        )
    if len(key) < _SHORTEST_KEY:
        return None, _problem(variable, f"gives a key of {len(key)} bytes; allowed: {_SHORTEST_KEY} or more")
    return key, None


def _problem(variable: str, what: str) -> Problem:
    return Problem(variable, f"{variable} {what}; used instead: DBX_OTEL_IDENTITY=off")
