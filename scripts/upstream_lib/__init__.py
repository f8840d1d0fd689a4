# SPDX-License-Identifier: Apache-2.0
"""The SDK's own tracing tests, run with our tracer provider in the place of the SDK's."""
