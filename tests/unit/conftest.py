# SPDX-License-Identifier: Apache-2.0
"""Property tests fail for what they find, never for how busy the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("dbx-otel", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dbx-otel")
