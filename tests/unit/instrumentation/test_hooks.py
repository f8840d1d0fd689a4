# SPDX-License-Identifier: Apache-2.0
"""Hooks of ours on stand-ins that have the shape of what they hook; real servers are tested end to end."""

import asyncio
from types import ModuleType
from typing import Any

import pytest

from dbx_otel.delivery import exiting
from dbx_otel.instrumentation import asgi, django, lifecycle, opentelemetry_api, uvicorn


def module(**content: Any) -> Any:
    made = ModuleType("hooked")
    made.__dict__.update(content)
    return made


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    happened: list[str] = []

    def start() -> bool:
        happened.append("start")
        return True

    monkeypatch.setattr(lifecycle, "_start", start)
    monkeypatch.setattr(exiting, "flush", lambda: happened.append("flush"))
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    return happened


KINDS = ["tracer", "meter", "logger"]


def api(kind: str, events: list[str]) -> Any:
    """Return a stand-in for the API module of a signal."""
    variable = f"_{kind.upper()}_PROVIDER"

    def get() -> Any:
        events.append("get")
        return getattr(made, variable)

    def set_(provider: Any) -> None:
        events.append("set")
        setattr(made, variable, provider)

    made = module(**{f"get_{kind}_provider": get, f"set_{kind}_provider": set_, variable: None})
    opentelemetry_api.instrument(made)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_asking_for_a_provider_starts_the_sdk_before(kind: str, events: list[str]) -> None:
    hooked = api(kind, events)
    assert events == []
    assert getattr(hooked, f"get_{kind}_provider")() is None
    assert events == ["start", "get"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_of_the_app_that_comes_too_late_is_told(
    kind: str, events: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    hooked = api(kind, events)
    set_provider = getattr(hooked, f"set_{kind}_provider")
    set_provider("the first")
    assert events == ["start", "set"]
    assert capfd.readouterr().err == ""
    set_provider("the second")
    set_provider("the third")
    assert getattr(hooked, f"get_{kind}_provider")() == "the first"
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert f"the app sets a {kind} provider of its own (builtins.str), which is not used" in err
    assert "Remedy: " in err


@pytest.mark.parametrize("name", ["_serve", "shutdown"])
@pytest.mark.parametrize("fails", [False, True])
def test_uvicorn_flushes_after_its_last_line(name: str, fails: bool, events: list[str]) -> None:
    async def run(self: Any, *sockets: int) -> int:
        events.append("served")
        if fails:
            raise RuntimeError
        return sum(sockets)

    async def not_this_one(self: Any) -> None:
        """`shutdown` of a uvicorn that has `_serve`."""

    server = type("Server", (), {"shutdown": not_this_one, name: run})
    uvicorn.instrument(module(Server=server))
    served = getattr(server(), name)(1, 2)
    if fails:
        with pytest.raises(RuntimeError):
            asyncio.run(served)
    else:
        assert asyncio.run(served) == 3
    assert events == ["served", "flush"]


class Middleware:
    def __init__(self, app: Any, exclude_spans: Any = None) -> None:
        self.app = app
        self.excluded = exclude_spans


@pytest.mark.parametrize(("given", "excluded"), [(None, ["receive", "send"]), ([], []), (["send"], ["send"])])
def test_asgi_makes_one_span_a_request_unless_told_otherwise(given: Any, excluded: list[str]) -> None:
    middleware = type("Middleware", (Middleware,), {})
    asgi.instrument(
        module(OpenTelemetryMiddleware=middleware, asgi_getter=None, collect_request_attributes=lambda _: {})
    )
    made = middleware("app", exclude_spans=given)
    assert (made.app, made.excluded) == ("app", excluded)
    assert middleware("app").excluded == ["receive", "send"]


def test_django_is_instrumented_when_it_loads_its_middleware(
    events: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import opentelemetry.instrumentation.django as contrib

    class Instrumentor:
        is_instrumented_by_opentelemetry = False

        def instrument(self) -> None:
            events.append("instrument")
            type(self).is_instrumented_by_opentelemetry = True

    class Handler:
        def load_middleware(self, is_async: bool = False) -> bool:
            events.append("load")
            return is_async

    monkeypatch.setattr(contrib, "DjangoInstrumentor", Instrumentor)
    base = module(BaseHandler=Handler)
    django.instrument(base)
    assert Handler().load_middleware(is_async=True) is True
    assert Handler().load_middleware() is False
    assert events == ["instrument", "load", "load"]

    def fail(self: Any) -> None:
        raise ValueError("settings")

    monkeypatch.setattr(Instrumentor, "is_instrumented_by_opentelemetry", False)
    monkeypatch.setattr(Instrumentor, "instrument", fail)
    Handler().load_middleware()
    assert events[-1] == "load"
    assert capfd.readouterr().err == "dbx-otel: django is not instrumented: ValueError: settings\n"
