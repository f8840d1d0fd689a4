# SPDX-License-Identifier: Apache-2.0
"""Log records: one neutral event, one JSON line on standard output, one OTLP record; never twice."""
