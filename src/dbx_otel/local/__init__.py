# SPDX-License-Identifier: Apache-2.0
"""What runs on the own machine: an OTLP receiver, its store, and traces shown in a terminal."""
