# SPDX-License-Identifier: Apache-2.0
"""What OpenTelemetry's database instrumentations write into SQL comments about the request, where an app asks them to.

They read it from the context, under this key: framework with version, function and route ("SQLCommenter").
"""

import sys
from functools import lru_cache
from typing import Any

from opentelemetry.context import Context, set_value

_KEY = "SQLCOMMENTER_ORM_TAGS_AND_VALUES"
_READER = "opentelemetry.instrumentation.sqlcommenter_utils"


def with_tags(context: Context, framework: str, controller: str | None, route: str | None) -> Context:
    """Return a context with what comments may say, where something is loaded that may write them.

    Args:
        context: The request's context.
        framework: The framework's package.
        controller: What handles the request.
        route: Its route.
    """
    if _READER not in sys.modules:
        return context
    tags: dict[str, Any] = {"framework": f"{framework}:{_version(framework)}", "controller": controller, "route": route}
    return set_value(_KEY, {name: value for name, value in tags.items() if value}, context)


@lru_cache
def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)
