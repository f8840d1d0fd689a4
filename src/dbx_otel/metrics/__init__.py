# SPDX-License-Identifier: Apache-2.0
"""Metrics: the distribution's own at a fraction of the SDK's price, the app's through the SDK once it has some."""
