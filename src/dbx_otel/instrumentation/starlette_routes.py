# SPDX-License-Identifier: Apache-2.0
"""Which route of a Starlette or FastAPI app has served a request: its template, with those of the mounts it is under.

Starlette and FastAPI leave the route in the scope, but not always, and without what stands in front of it. So a
template is found by asking the routes, as the app has done, and remembered for the route that is in the scope.
"""

import sys
from collections.abc import Iterable
from typing import Any

_MOST_REMEMBERED = 2000
"""Templates of an app that are remembered: mounts with parameters are as many as there are values."""
_FASTAPI = "fastapi"
"""Key in the scope of what FastAPI 0.137 and later keep there for themselves."""
_INCLUSION = "effective_route_context"
"""Key among that of what has included the route: one route may be included by several."""
_NOTHING: dict[str, Any] = {}


class Routes:
    """The routes of an app."""

    def __init__(self) -> None:
        self._remembered: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def template(self, app: Any, scope: Any) -> str | None:
        """Return the template of the route that a request has been given to, or `None` where there is no such route.

        Args:
            app: The app that the server has called.
            scope: The request's scope, which the app has gone through.
        """
        route = scope.get("route")
        if route is None and "router" in scope and "endpoint" not in scope:
            return None  # it has been looked for
        endpoint = scope.get("endpoint")
        if route is None or endpoint is not getattr(route, "endpoint", getattr(route, "app", None)):
            # Middleware has answered, or handed on another scope, or the route is of a kind that does not tell.
            return _search(app.routes, _at_the_top(scope))
        inclusion = scope.get(_FASTAPI, _NOTHING).get(_INCLUSION)
        key = (id(route), id(inclusion), scope.get("root_path"))
        remembered = self._remembered.get(key)
        if remembered is None:
            # With what the key names, so that no id becomes another's.
            remembered = (_search(app.routes, _at_the_top(scope)), route, inclusion)
            if len(self._remembered) < _MOST_REMEMBERED:
                self._remembered[key] = remembered
        template: str | None = remembered[0]
        return template


def _at_the_top(scope: Any) -> dict[str, Any]:
    """Return a scope as the app has got it: mounts have changed it since."""
    root_path = scope.get("app_root_path", scope.get("root_path", ""))
    return {**scope, "root_path": root_path, "path_params": {}, _FASTAPI: {}}


def _search(routes: Iterable[Any], scope: dict[str, Any]) -> str | None:
    """Return the template of the first route that matches, else of the first that does but for its method."""
    partial: str | None = None
    for route in _flat(routes):
        match, child_scope = route.matches(scope)
        if match.name == "FULL":
            return _with_inner(route, {**scope, **child_scope})
        if match.name == "PARTIAL" and partial is None:
            partial = route.path
    return partial


def _with_inner(route: Any, scope: dict[str, Any]) -> str | None:
    """Return the template of a matching route, which may be a mount of other routes."""
    own: str | None = getattr(route, "path", None)  # routes by host have none
    inner = _search(getattr(route, "routes", None) or (), scope)
    return own if inner is None else f"{own or ''}{inner}"


def _flat(routes: Iterable[Any]) -> Iterable[Any]:
    """Return routes without the nesting by which FastAPI 0.137 and later include routers."""
    flatten: Any = getattr(sys.modules.get("fastapi.routing"), "iter_route_contexts", None)
    return routes if flatten is None else flatten(routes)
