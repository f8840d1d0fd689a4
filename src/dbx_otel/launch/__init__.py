# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel-run`, and what the interpreter does at its start because of it."""
