# SPDX-License-Identifier: Apache-2.0
"""The libraries that can be instrumented: what to watch for, and what to call then. Read at every start: no imports."""

from __future__ import annotations

SDK, LOGS, NOTHING = "sdk", "logs", ""


class Library:
    """One row of the catalog.

    Attributes:
        name: As shown by `--explain` and written in `DBX_OTEL_DISABLED_INSTRUMENTATIONS`.
        module: The module whose import brings the instrumentation.
        hook: `module:Class` of an OpenTelemetry instrumentor, or the module of ours whose `instrument` takes the
            imported module.
        distribution: The package, where it is not called like the module.
        needs: What has to stand before it is attached: `sdk` where spans or metrics can come of it, `logs` where log
            records can (the first of them starts the SDK), or nothing.
    """

    __slots__ = ("distribution", "hook", "module", "name", "needs")

    def __init__(self, name: str, module: str, hook: str, *, distribution: str = "", needs: str = SDK) -> None:
        self.name = name
        self.module = module
        self.hook = hook
        self.distribution = distribution or module.partition(".")[0]
        self.needs = needs

    @property
    def is_contrib(self) -> bool:
        """Whether the hook is an instrumentor of OpenTelemetry's."""
        return ":" in self.hook


def _contrib(name: str, module: str, instrumentor: str, distribution: str = "") -> Library:
    return Library(name, module, f"opentelemetry.instrumentation.{instrumentor}", distribution=distribution)


def _own(name: str, module: str, *, distribution: str = "", needs: str = SDK) -> Library:
    hook = f"dbx_otel.instrumentation.{name.replace('-', '_')}"
    return Library(name, module, hook, distribution=distribution, needs=needs)


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
    _contrib("fastapi", "fastapi", "fastapi:FastAPIInstrumentor"),
    _contrib("starlette", "starlette.applications", "starlette:StarletteInstrumentor"),
    _contrib("flask", "flask", "flask:FlaskInstrumentor"),
    _own("flask", "flask"),
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
    _contrib("requests", "requests", "requests:RequestsInstrumentor"),
    _contrib("httpx", "httpx", "httpx:HTTPXClientInstrumentor"),
    _contrib("httpx2", "httpx2", "httpx:HTTPX2ClientInstrumentor"),
    _contrib("urllib3", "urllib3", "urllib3:URLLib3Instrumentor"),
    _contrib("aiohttp-client", "aiohttp.client", "aiohttp_client:AioHttpClientInstrumentor"),
    # Databases.
    _contrib("psycopg", "psycopg", "psycopg:PsycopgInstrumentor"),
    _contrib("sqlalchemy", "sqlalchemy", "sqlalchemy:SQLAlchemyInstrumentor"),
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
