# SPDX-License-Identifier: Apache-2.0
"""A tracer provider behind OpenTelemetry's API: light spans that bear who they are made for."""
