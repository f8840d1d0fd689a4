# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from tests.support.logged import run

_STDLIB = """
        import logging, logging.handlers, queue, sys, structlog
        from structlog.stdlib import ProcessorFormatter
        def configure(*processors):
            structlog.configure(
                processors=[structlog.stdlib.filter_by_level, structlog.stdlib.add_logger_name,
                            structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                            *processors],
                logger_factory=structlog.stdlib.LoggerFactory(),
                wrapper_class=structlog.stdlib.BoundLogger,
            )
        log = structlog.get_logger("shop")
        def speak():
            log.info("shipped", order=17)
            log.debug("not wanted")
            try:
                1 / 0
            except ZeroDivisionError:
                log.exception("failed")
            logging.getLogger("other").info("by logging")
"""


def _expect_spoken(tmp_path: Path, script: str) -> None:
    logged = run(tmp_path, _STDLIB + script)
    assert logged.bodies == logged.sent == ["shipped", "failed", "by logging"]
    assert logged.stderr == []
    assert len(logged.stdout) == 3
    first, second, third = logged.records
    assert first["logger"] == second["logger"] == "shop"
    assert third["logger"] == "other"
    assert first["severity"] == "INFO"
    assert second["severity"] == "ERROR"
    assert first["attributes"]["order"] == 17
    assert "level" not in first["attributes"]
    assert "timestamp" not in first["attributes"]
    assert first["attributes"]["code.file.path"].endswith("app.py")
    assert first["attributes"]["code.function.name"] == "speak"
    assert "ZeroDivisionError" in second["attributes"]["exception.stacktrace"]
    assert second["attributes"]["exception.type"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    "renderer",
    [
        "structlog.processors.format_exc_info, structlog.processors.JSONRenderer()",
        "structlog.processors.JSONRenderer()",
        "structlog.dev.ConsoleRenderer(colors=True)",
        "structlog.processors.KeyValueRenderer()",
        "structlog.stdlib.render_to_log_kwargs",
    ],
)
def test_in_front_of_logging(tmp_path: Path, renderer: str) -> None:
    _expect_spoken(
        tmp_path,
        f"""
        configure({renderer})
        logging.basicConfig(level="INFO", format="%(message)s")
        speak()
        """,
    )


def test_processor_formatter(tmp_path: Path) -> None:
    _expect_spoken(
        tmp_path,
        """
        configure(ProcessorFormatter.wrap_for_formatter)
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level],
            processors=[ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
        ))
        logging.basicConfig(level="INFO", handlers=[handler])
        speak()
        """,
    )


def test_in_front_of_a_queue(tmp_path: Path) -> None:
    _expect_spoken(
        tmp_path,
        """
        configure(structlog.processors.JSONRenderer())
        records = queue.Queue()
        listener = logging.handlers.QueueListener(records, logging.StreamHandler())
        listener.start()
        logging.basicConfig(level="INFO", handlers=[logging.handlers.QueueHandler(records)])
        speak()
        listener.stop()
        """,
    )


def test_in_front_of_logging_where_nothing_is_configured(tmp_path: Path) -> None:
    _expect_spoken(
        tmp_path,
        """
        configure(structlog.processors.JSONRenderer())
        speak()
        """,
    )


_DEFAULT = """
        import structlog, sys
        log = structlog.get_logger().bind(request=1)
        log.info("shipped", order=17)
        log.warning("late", days=[1, 2])
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        print("printed")
"""


@pytest.mark.parametrize(
    "factory",
    [
        "None",
        "structlog.PrintLoggerFactory(sys.stderr)",
        "structlog.WriteLoggerFactory()",
        "structlog.BytesLoggerFactory()",
    ],
)
def test_on_the_console(tmp_path: Path, factory: str) -> None:
    renderer = "lambda _, __, event: repr(event).encode()" if "Bytes" in factory else "structlog.dev.ConsoleRenderer()"
    configure = f"""
        import structlog, sys
        structlog.configure(
            logger_factory={factory},
            processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, {renderer}],
        )
        """
    logged = run(tmp_path, (configure if factory != "None" else "") + _DEFAULT)
    assert logged.bodies == logged.sent == ["shipped", "late", "failed"]
    assert [record["severity"] for record in logged.records] == ["INFO", "WARNING", "ERROR"]
    assert logged.records[0]["logger"] == "__main__"
    assert logged.records[0]["attributes"]["request"] == 1
    assert logged.records[1]["attributes"]["days"] == [1, 2]
    assert logged.records[2]["attributes"]["exception.type"] == "ZeroDivisionError"
    assert logged.records[2]["attributes"]["code.line.number"] > 1
    assert logged.stderr == []
    assert len(logged.stdout) == 4
    assert "printed" in logged.stdout


def test_off(tmp_path: Path) -> None:
    logged = run(tmp_path, _DEFAULT, "off")
    assert logged.records == []
    assert logged.count("] shipped") == 1
    assert logged.sent == ["shipped", "late", "failed"]


def test_files_go_on(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import structlog
        structlog.configure(
            logger_factory=structlog.WriteLoggerFactory(open("app.log", "w")),
            processors=[structlog.processors.JSONRenderer()],
        )
        structlog.get_logger().info("hello", a=1)
        """,
    )
    assert logged.bodies == ["hello"]
    assert (tmp_path / "app.log").read_text() == '{"a": 1, "event": "hello"}\n'


def test_what_processors_blank_or_drop_stays_so(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import structlog

        def redact(_, __, event):
            if event["event"] == "drop":
                raise structlog.DropEvent
            return {**event, "password": "***"}

        structlog.configure(processors=[redact, structlog.processors.JSONRenderer()])
        structlog.get_logger().info("login", password="hunter2")
        structlog.get_logger().info("drop")
        """,
    )
    assert logged.bodies == logged.sent == ["login"]
    assert logged.records[0]["attributes"]["password"] == "***"


def test_a_rendered_line_before_the_last_processor(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import structlog
        structlog.configure(processors=[structlog.processors.JSONRenderer(), lambda _, __, text: text])
        structlog.get_logger().info("hello")
        """,
    )
    assert logged.bodies == ['{"event": "hello"}']


def test_capture_logs_finds_what_it_found_before(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import structlog, structlog.testing
        log = structlog.get_logger().bind()
        with structlog.testing.capture_logs() as captured:
            log.info("hello", a=1)
        print(captured)
        log.info("after")
        """,
    )
    assert logged.stdout[0] == "[{'a': 1, 'event': 'hello', 'log_level': 'info'}]"
    assert logged.bodies == ["after"]


def test_async_methods(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import asyncio, structlog
        async def speak():
            await structlog.get_logger().ainfo("hello", a=1)
            try:
                1 / 0
            except ZeroDivisionError:
                await structlog.get_logger().aexception("failed")
        asyncio.run(speak())
        """,
    )
    assert logged.bodies == ["hello", "failed"]
    assert logged.records[0]["attributes"]["code.function.name"] == "speak"
    assert logged.records[1]["attributes"]["exception.type"] == "ZeroDivisionError"
