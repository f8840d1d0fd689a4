# SPDX-License-Identifier: Apache-2.0
"""The libraries that can be instrumented: what to watch for, and what to call then. Read at every start: no imports."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Sequence

SDK, LOGS, NOTHING = "sdk", "logs", ""

_CONTRIB = "opentelemetry.instrumentation."


class Library:
    """One row of the catalog.

    Attributes:
        name: As shown by `--explain` and written in `DBX_OTEL_DISABLED_INSTRUMENTATIONS`.
        module: The module whose import brings the instrumentation.
        hook: `module:Class` of an OpenTelemetry instrumentor, or the module of ours whose `instrument` takes the
            imported module.
        contrib: The OpenTelemetry instrumentor that does the same as a hook of ours, and takes its place where
            `DBX_OTEL_CONTRIB_INSTRUMENTATIONS` names the library; empty where there is none.
        distribution: The package, where it is not called like the module.
        first_use: Functions, as `module:Class.name`, at whose first call the library is instrumented; empty where that
            is done at once when it is imported.
        needs: What has to stand before it is attached: `sdk` where spans or metrics can come of it, `logs` where log
            records can (the first of them starts the SDK), or nothing.
    """

    __slots__ = ("contrib", "distribution", "first_use", "hook", "module", "name", "needs")

    def __init__(
        self,
        name: str,
        module: str,
        hook: str,
        *,
        contrib: str = "",
        distribution: str = "",
        first_use: Sequence[str] = (),
        needs: str = SDK,
    ) -> None:
        self.name = name
        self.module = module
        self.hook = hook
        self.contrib = contrib
        self.distribution = distribution or module.partition(".")[0]
        self.first_use = first_use
        self.needs = needs

    @property
    def is_contrib(self) -> bool:
        """Whether the hook is an instrumentor of OpenTelemetry's."""
        return ":" in self.hook

    def by_contrib(self) -> Library:
        """Return the same row with OpenTelemetry's instrumentor in place of the hook of ours."""
        return Library(
            self.name,
            self.module,
            self.contrib,
            distribution=self.distribution,
            first_use=self.first_use,
            needs=self.needs,
        )


def _contrib(
    name: str, module: str, instrumentor: str, distribution: str = "", *, first_use: Sequence[str] = ()
) -> Library:
    return Library(name, module, f"{_CONTRIB}{instrumentor}", distribution=distribution, first_use=first_use)


def _own(
    name: str,
    module: str,
    *,
    contrib: str = "",
    distribution: str = "",
    first_use: Sequence[str] = (),
    needs: str = SDK,
) -> Library:
    return Library(
        name,
        module,
        f"dbx_otel.instrumentation.{name.replace('-', '_')}",
        contrib=contrib and f"{_CONTRIB}{contrib}",
        distribution=distribution,
        first_use=first_use,
        needs=needs,
    )


LIBRARIES = (
    # Logging libraries. The first record starts the SDK, not the import.
    _own("stdlib-logging", "logging", needs=LOGS),
    _own("structlog", "structlog._base", needs=LOGS),
    _own("loguru", "loguru._logger", needs=LOGS),
    # An app that makes spans of its own.
    *(
        Library(
            "opentelemetry-api",
            module,
            "dbx_otel.instrumentation.opentelemetry_api",
            distribution="opentelemetry-api",
            needs=NOTHING,
        )
        for module in (
            "opentelemetry.trace",
            "opentelemetry.metrics._internal",
            "opentelemetry._logs._internal",
        )
    ),
    # Servers.
    _own("fastapi", "fastapi", contrib="fastapi:FastAPIInstrumentor"),
    _own("starlette", "starlette.applications", contrib="starlette:StarletteInstrumentor"),
    _own("flask", "flask", contrib="flask:FlaskInstrumentor"),
    Library("flask", "flask", "dbx_otel.instrumentation.flask_entry"),
    _contrib("tornado", "tornado.web", "tornado:TornadoInstrumentor"),
    _own("django", "django.core.handlers.base"),
    _own("gradio", "gradio.blocks"),
    _own("aiohttp-server", "aiohttp.web", distribution="aiohttp"),
    _own("asgi", "opentelemetry.instrumentation.asgi", distribution="opentelemetry-instrumentation-asgi"),
    Library(
        "tornado",
        "opentelemetry.instrumentation.tornado",
        "dbx_otel.instrumentation.tornado",
        distribution="opentelemetry-instrumentation-tornado",
    ),
    _own("wsgi", "opentelemetry.instrumentation.wsgi", distribution="opentelemetry-instrumentation-wsgi"),
    _own("uvicorn", "uvicorn.server", needs=NOTHING),
    # Clients.
    _own(
        "requests",
        "requests",
        contrib="requests:RequestsInstrumentor",
        first_use=("requests.sessions:Session.send",),
    ),
    _own(
        "httpx",
        "httpx",
        contrib="httpx:HTTPXClientInstrumentor",
        first_use=("httpx:HTTPTransport.handle_request", "httpx:AsyncHTTPTransport.handle_async_request"),
    ),
    _contrib("httpx2", "httpx2", "httpx:HTTPX2ClientInstrumentor"),
    _contrib(
        "urllib3",
        "urllib3",
        "urllib3:URLLib3Instrumentor",
        first_use=("urllib3.connectionpool:HTTPConnectionPool.urlopen",),
    ),
    _contrib(
        "aiohttp-client",
        "aiohttp.client",
        "aiohttp_client:AioHttpClientInstrumentor",
        first_use=("aiohttp.client:ClientSession.__init__",),
    ),
    # Databases.
    _contrib(
        "psycopg",
        "psycopg",
        "psycopg:PsycopgInstrumentor",
        first_use=("psycopg:connect", "psycopg:Connection.connect", "psycopg:AsyncConnection.connect"),
    ),
    _contrib(
        "sqlalchemy",
        "sqlalchemy",
        "sqlalchemy:SQLAlchemyInstrumentor",
        first_use=(
            "sqlalchemy:create_engine",
            "sqlalchemy.engine:create_engine",
            "sqlalchemy.engine.create:create_engine",
            "sqlalchemy.ext.asyncio:create_async_engine",
        ),
    ),
    # Processes and threads.
    _own("multiprocessing", "multiprocessing.process", needs=NOTHING),
    # Instrumentations that an app may have installed beside ours; absent ones are passed over.
    _contrib("aio-pika", "aio_pika", "aio_pika:AioPikaInstrumentor"),
    _contrib("asyncpg", "asyncpg", "asyncpg:AsyncPGInstrumentor"),
    _contrib("boto3sqs", "boto3", "boto3sqs:Boto3SQSInstrumentor"),
    _contrib("botocore", "botocore.client", "botocore:BotocoreInstrumentor"),
    _contrib("celery", "celery", "celery:CeleryInstrumentor"),
    _contrib("confluent-kafka", "confluent_kafka", "confluent_kafka:ConfluentKafkaInstrumentor"),
    _contrib("elasticsearch", "elasticsearch", "elasticsearch:ElasticsearchInstrumentor"),
    _contrib("grpc-client", "grpc", "grpc:GrpcInstrumentorClient", "grpcio"),
    _contrib("kafka-python", "kafka", "kafka:KafkaInstrumentor", "kafka-python"),
    _contrib("mysqlclient", "MySQLdb", "mysqlclient:MySQLClientInstrumentor", "mysqlclient"),
    _contrib("openai-v2", "openai", "openai_v2:OpenAIInstrumentor"),
    _contrib("psycopg2", "psycopg2", "psycopg2:Psycopg2Instrumentor"),
    _contrib("pymongo", "pymongo", "pymongo:PymongoInstrumentor"),
    _contrib("pymysql", "pymysql", "pymysql:PyMySQLInstrumentor"),
    _contrib("redis", "redis", "redis:RedisInstrumentor"),
)
