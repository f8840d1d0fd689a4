# SPDX-License-Identifier: Apache-2.0
"""Names of attributes: OpenTelemetry's stable ones first, its development ones second, our own last.

No name of ours contains `auth`, `token`, `secret`, `session` or `password`: scrubbers downstream blank those.
"""

from typing import Final

# OpenTelemetry, stable.
CLIENT_ADDRESS: Final = "client.address"
CLIENT_PORT: Final = "client.port"
NETWORK_PEER_ADDRESS: Final = "network.peer.address"
NETWORK_PEER_PORT: Final = "network.peer.port"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_REQUEST_METHOD_ORIGINAL: Final = "http.request.method_original"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
NETWORK_PROTOCOL_VERSION: Final = "network.protocol.version"
URL_FULL: Final = "url.full"
URL_PATH: Final = "url.path"
URL_QUERY: Final = "url.query"
URL_SCHEME: Final = "url.scheme"
USER_AGENT_ORIGINAL: Final = "user_agent.original"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
TELEMETRY_SDK_LANGUAGE: Final = "telemetry.sdk.language"
TELEMETRY_SDK_NAME: Final = "telemetry.sdk.name"
TELEMETRY_SDK_VERSION: Final = "telemetry.sdk.version"

# OpenTelemetry, development.
USER_ID: Final = "user.id"
USER_EMAIL: Final = "user.email"
USER_NAME: Final = "user.name"
USER_HASH: Final = "user.hash"
USER_AGENT_SYNTHETIC_TYPE: Final = "user_agent.synthetic.type"
OTEL_COMPONENT_NAME: Final = "otel.component.name"
OTEL_COMPONENT_TYPE: Final = "otel.component.type"
TELEMETRY_DISTRO_NAME: Final = "telemetry.distro.name"
TELEMETRY_DISTRO_VERSION: Final = "telemetry.distro.version"

# Ours.
DATABRICKS_IDENTITY_SOURCE: Final = "databricks.identity.source"
"""How identity is known: `proxy_header`, `none` (later also `verified_token`, `api`)."""
DATABRICKS_IDENTITY_REJECTED: Final = "databricks.identity.rejected"
"""Identity headers that were not believed, each as `header:reason`."""
DATABRICKS_ON_BEHALF_OF: Final = "databricks.on_behalf_of"
"""Whether the request came with the means to act as the user (`X-Forwarded-Access-Token`)."""
DATABRICKS_REQUEST_ID: Final = "databricks.request.id"
DATABRICKS_APP_NAME: Final = "databricks.app.name"
DATABRICKS_WORKSPACE_ID: Final = "databricks.workspace.id"
DATABRICKS_DEPLOYMENT_ID: Final = "databricks.deployment.id"
DATABRICKS_CLIENT_ID: Final = "databricks.client.id"
"""Application id of the app's own service principal."""
SECURITY_EVENT_NAMES: Final = "security.event.names"
"""On a span: the security events that happened in it."""

# Metrics of ours.
DBX_OTEL_BUFFER_SIZE: Final = "dbx_otel.delivery.buffer.size"
"""Memory of the batches that wait to be sent to a destination."""
DBX_OTEL_SPOOL_SIZE: Final = "dbx_otel.spool.size"
"""Disk space of security records that are not delivered, those of other processes included."""
DBX_OTEL_SPOOL_RECORDS: Final = "dbx_otel.spool.records"
"""Security records that this process wrote to disk."""
