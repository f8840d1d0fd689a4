# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry for Databricks Apps: who did it, what data it touched, whether it was allowed.

Importing this package loads nothing heavy; `dbx-otel-run` is the way in.
"""

from dbx_otel._version import __version__

__all__ = ["__version__"]
