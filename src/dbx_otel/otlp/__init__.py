# SPDX-License-Identifier: Apache-2.0
"""Turns spans, log records and metrics into OTLP (OpenTelemetry Protocol specification, protobuf encoding).

What is written is what OpenTelemetry's own encoder writes, field by field, but for what that one drops or raises on:

- integers beyond 64 bits, and objects that OTLP has no form for, become text; halves of characters are escaped;
- what is nested deeper than 30 levels, or is more than 16384 values in one, ends with "…";
- times and counts that do not fit are left out or brought within bounds; a link to ids that are none counts as dropped;
- a record or data point that cannot be read is left out alone, and reported;
- metrics, scopes and resources that hold nothing are left out.
"""
