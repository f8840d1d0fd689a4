# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from tests.support.logged import run

_SPEAK = """
        import logging, sys
        from loguru import logger

        class InterceptHandler(logging.Handler):
            def emit(self, record):
                logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())

        class PropagateHandler(logging.Handler):
            def emit(self, record):
                logging.getLogger(record.name).handle(record)

        def speak():
            logger.bind(order=17).info("shipped {}", "today")
            logger.trace("not wanted")
            try:
                1 / 0
            except ZeroDivisionError:
                logger.exception("failed")
            logger.success("done")
"""


@pytest.mark.parametrize(
    "sinks",
    [
        "",
        "logger.remove(); logger.add(sys.stdout, serialize=True)",
        "logger.remove(); logger.add(sys.stderr, enqueue=True, colorize=True)",
        "logger.add(sys.stdout)",
        "logger.add('app.log', enqueue=True)",
        "logger.add(print)",
        "logger.add(sys.stdout.write)",
        "logger.remove(); logger.add(logging.StreamHandler(), format='{message}')",
        "logger.remove(); logger.add(logging.StreamHandler(), format='{message}', enqueue=True)",
        "logger.remove(); logger.add(PropagateHandler(), format='{message}')",
        "logging.basicConfig(level=10); logger.remove(); logger.add(PropagateHandler(), format='{message}')",
        "logging.basicConfig(handlers=[InterceptHandler()], level=0)",
    ],
)
def test_once_however_many_sinks(tmp_path: Path, sinks: str) -> None:
    logged = run(
        tmp_path,
        f"""{_SPEAK}
        {sinks}
        speak()
        logger.complete()
        """,
    )
    assert logged.bodies == logged.sent == ["shipped today", "failed", "done"]
    assert [record["severity"] for record in logged.records] == ["INFO", "ERROR", "SUCCESS"]
    assert [record["severity_number"] for record in logged.otlp] == [9, 17, 11]
    first = logged.records[0]
    assert first["logger"] == "__main__"
    assert first["attributes"]["order"] == 17
    assert first["attributes"]["code.function.name"] == "speak"
    assert logged.records[1]["attributes"]["exception.type"] == "ZeroDivisionError"
    assert logged.stderr == []
    assert len(logged.stdout) == 3
    if "app.log" in sinks:
        text = (tmp_path / "app.log").read_text()
        assert "__main__:speak:" in text
        assert text.count("shipped today") == 1


def test_off(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        f"""{_SPEAK}
        speak()
        """,
        "off",
    )
    assert logged.count("__main__:speak:") == 3
    assert logged.records == []
    assert logged.sent == ["shipped today", "failed", "done"]


def test_level_and_filter_of_sinks_count(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        f"""{_SPEAK}
        asked = []
        def accepts(record):
            asked.append(record["message"])
            return "no" not in record["message"]
        logger.remove()
        logger.add(sys.stdout, level="INFO", filter=accepts)
        logger.add("app.log", level="DEBUG", filter=lambda record: "nowhere" not in record["message"])
        logger.debug("only for the file")
        logger.info("console")
        logger.info("nowhere")
        logger.info("not for the console")
        logger.disable("__main__")
        logger.error("disabled")
        print(asked)
        """,
    )
    assert logged.bodies == ["console"]
    assert logged.sent == ["only for the file", "console", "not for the console"]
    assert "['console', 'nowhere', 'not for the console']" in logged.stdout
    assert len((tmp_path / "app.log").read_text().splitlines()) == 3


def test_no_sink_no_record(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        from loguru import logger
        logger.remove()
        logger.error("hello")
        """,
    )
    assert logged.stdout == logged.stderr == logged.sent == []


def test_intercepted_logging_follows_loguru(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        f"""{_SPEAK}
        logging.basicConfig(handlers=[InterceptHandler()], level=0, force=True)
        logger.remove()
        logger.add(sys.stdout, level="INFO")
        logger.add("app.log", level="INFO")
        def caller():
            logging.getLogger("library").debug("not wanted")
            with logger.contextualize(request=1):
                logging.getLogger("library").warning("intercepted %s", 1, extra={{"a": 2}})
        caller()
        """,
    )
    assert logged.bodies == logged.sent == ["intercepted 1"]
    record = logged.records[0]
    assert record["logger"] == "library"
    assert record["attributes"]["request"] == 1
    assert record["attributes"]["a"] == 2
    assert "__main__:caller:" in (tmp_path / "app.log").read_text()


def test_what_patchers_blank_stays_blank(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        from loguru import logger
        logger.configure(patcher=lambda record: record.update(message="***"))
        logger.info("hunter2")
        """,
    )
    assert logged.bodies == logged.sent == ["***"]


def test_catch_names_the_caller(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        from loguru import logger

        @logger.catch
        def fails():
            return 1 / 0

        def caller():
            fails()
            with logger.catch(message="caught"):
                raise KeyError("k")
            logger.opt(depth=1).info("from my caller")
            logger.opt(lazy=True, colors=True).info("<red>{}</red>", lambda: "lazy")

        caller()
        """,
    )
    assert [record["attributes"]["code.function.name"] for record in logged.records] == [
        "caller",
        "caller",
        "<module>",
        "caller",
    ]
    assert logged.bodies[1:] == ["caught", "from my caller", "lazy"]


def test_a_filter_that_raises_is_reported_by_loguru(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import sys
        from loguru import logger
        logger.remove()
        logger.add(sys.stdout, filter=lambda record: 1 / 0)
        logger.info("hello")
        """,
    )
    assert logged.count("Logging error in Loguru Handler") == 1
    assert logged.records == []


def test_other_processes(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import multiprocessing, sys
        from loguru import logger

        def work(logger):
            logger.info("in the child")
            logger.complete()

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            logger.remove()
            logger.add(sys.stdout, enqueue=True, context=context)
            child = context.Process(target=work, args=(logger,))
            child.start()
            child.join()
            logger.info("in the parent")
            logger.complete()
        """,
    )
    assert sorted(logged.bodies) == ["in the child", "in the parent"]
    assert len(logged.stdout) == 2
