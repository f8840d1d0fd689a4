# SPDX-License-Identifier: Apache-2.0
"""Turns spans, log records and metrics into OTLP (OpenTelemetry Protocol specification, protobuf encoding)."""
