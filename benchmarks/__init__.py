# SPDX-License-Identifier: Apache-2.0
"""What dbx-otel costs, measured beside bare Python and OpenTelemetry's own launcher."""
