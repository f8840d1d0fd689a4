# SPDX-License-Identifier: Apache-2.0
"""Who: the person behind a request, carried in the OpenTelemetry context and in nothing that leaves the process.

Baggage would hand e-mail addresses to every third party that the app calls, hence a private context key.
"""

from dbx_otel.identity.context import current, stamp
from dbx_otel.identity.model import Identity

__all__ = ["Identity", "current", "stamp"]
