# SPDX-License-Identifier: Apache-2.0
import json
import sys
from pathlib import Path

import pytest

from tests.support.logged import run


def test_info_is_not_lost_where_nothing_is_configured(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        logging.getLogger("shop").info("order %s shipped", 17, extra={"order": 17})
        logging.getLogger("shop").debug("not wanted")
        """,
    )
    assert logged.bodies == ["order 17 shipped"]
    assert logged.sent == ["order 17 shipped"]
    assert logged.stderr == []
    record = logged.records[0]
    assert record["severity"] == "INFO"
    assert record["logger"] == "shop"
    assert record["user"] == {"id": "7@1", "email": "ann@example.com"}
    assert record["client"] == {"address": "10.0.0.7"}
    assert record["resource"] == {"service.name": "orders", "databricks.app.name": "orders"}
    assert record["attributes"]["order"] == 17
    assert record["attributes"]["code.line.number"] == 3
    assert record["attributes"]["code.file.path"].endswith("app.py")
    assert record["attributes"]["thread.name"] == "MainThread"
    assert "trace_id" not in record


def test_otlp_record(tmp_path: Path) -> None:
    record = run(
        tmp_path,
        """
        import logging
        from opentelemetry.sdk.trace import TracerProvider
        tracer = TracerProvider().get_tracer("t")
        with tracer.start_as_current_span("s"):
            try:
                1 / 0
            except ZeroDivisionError:
                logging.getLogger("shop").exception("no", extra={"odd": object, "list": [1, None], "nan": float("nan")})
        """,
    )
    sent, line = record.otlp[0], record.records[0]
    assert (sent["severity_number"], sent["severity_text"], sent["scope"]) == (17, "ERROR", "shop")
    assert sent["trace_id"] == "0x" + line["trace_id"]
    assert sent["span_id"] == "0x" + line["span_id"]
    assert sent["attributes"]["exception.type"] == "ZeroDivisionError"
    assert "1 / 0" in sent["attributes"]["exception.stacktrace"]
    assert sent["attributes"]["odd"] == "<class 'object'>"
    assert sent["attributes"]["list"] == [1, None]
    assert line["attributes"]["exception.message"] == "division by zero"


@pytest.mark.parametrize("level", ["", "level=logging.INFO", "level=logging.DEBUG"])
def test_basic_config_once(tmp_path: Path, level: str) -> None:
    logged = run(
        tmp_path,
        f"""
        import logging, sys
        logging.basicConfig({level})
        logging.getLogger("a").debug("d")
        logging.getLogger("a").info("i")
        logging.getLogger("a").error("e")
        print("printed {{")
        sys.stderr.write("written\\n")
        """,
    )
    assert logged.bodies == (["d", "i", "e"] if "DEBUG" in level else ["i", "e"])
    assert logged.sent == logged.bodies
    assert logged.stderr == ["written"]
    assert "printed {" in logged.stdout


def test_the_apps_own_level_counts(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        logging.getLogger().setLevel(logging.WARNING)
        logging.info("not wanted")
        logging.getLogger("a").setLevel(logging.DEBUG)
        logging.getLogger("a").debug("wanted")
        logging.disable(logging.WARNING)
        logging.getLogger("a").warning("not wanted either")
        """,
    )
    assert logged.bodies == ["wanted"]


def test_level_setting_above_warning(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        logging.warning("not taken")
        logging.error("taken")
        """,
        DBX_OTEL_LOG_LEVEL="ERROR",
    )
    assert logged.bodies == ["taken"]
    assert logged.sent == ["taken"]


def test_off_leaves_the_apps_output_as_it_is(tmp_path: Path) -> None:
    script = """
        import logging, sys
        logging.getLogger("a").info("below")
        logging.getLogger("a").warning("by last resort")
        logging.basicConfig(stream=sys.stdout)
        logging.getLogger("a").info("still below")
        logging.getLogger("a").warning("by basicConfig")
        """
    logged = run(tmp_path, script, "off")
    assert logged.stderr == ["by last resort"]
    assert logged.stdout == ["WARNING:a:by basicConfig"]
    assert logged.sent == ["below", "by last resort", "still below", "by basicConfig"]


def test_text_mode(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        logging.getLogger("a").warning("two\\nlines", extra={"k": "v w"})
        """,
        "text",
    )
    assert logged.stdout[0].endswith("Z WARNING  a  two")
    assert logged.stdout[1] == "    lines  k='v w' user=ann@example.com"


def test_files_and_other_handlers_go_on(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import io, logging
        buffer = io.StringIO()
        logging.basicConfig(level="INFO", handlers=[
            logging.StreamHandler(), logging.FileHandler("app.log"), logging.StreamHandler(buffer),
            logging.FileHandler("/dev/stdout"),
        ])
        logging.info("hello")
        print(repr(buffer.getvalue()))
        """,
    )
    assert (tmp_path / "app.log").read_text() == "INFO:root:hello\n"
    assert logged.count("hello") == 2  # the JSON line, and what the script printed of its buffer
    assert logged.bodies == ["hello"]


def test_level_and_filters_of_console_handlers_count(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging

        def redact(record):
            record.msg = str(record.msg).replace("hunter2", "***")
            return "drop" not in record.msg

        console = logging.StreamHandler()
        console.setLevel("WARNING")
        console.addFilter(redact)
        logging.basicConfig(level="DEBUG", handlers=[console, logging.FileHandler("app.log")])
        logging.debug("only for the file")
        logging.warning("password is hunter2")
        logging.warning("drop this")
        """,
    )
    assert logged.bodies == ["password is ***"]
    assert logged.sent == ["only for the file", "password is ***", "drop this"]


def test_console_filter_counts_where_the_level_is_ours(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging

        def redact(record):
            record.msg = record.msg.replace("hunter2", "***")
            return True

        console = logging.StreamHandler()
        console.addFilter(redact)
        logging.getLogger().addHandler(console)
        logging.getLogger().addHandler(logging.FileHandler("app.log"))
        logging.info("password is hunter2")
        """,
    )
    assert logged.bodies == logged.sent == ["password is ***"]
    assert (tmp_path / "app.log").read_text() == ""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters may replace records since Python 3.12")
def test_a_filter_that_replaces_the_record(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import copy, logging

        def redact(record):
            other = copy.copy(record)
            other.msg = "***"
            return other

        console = logging.StreamHandler()
        console.addFilter(redact)
        logging.basicConfig(level="INFO", handlers=[console])
        logging.info("hunter2")
        """,
    )
    assert logged.bodies == logged.sent == ["***"]


def test_a_logger_that_is_switched_off_stays_off(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        quiet = logging.getLogger("quiet")
        quiet.addHandler(logging.NullHandler())
        quiet.propagate = False
        quiet.error("not for the console")
        library = logging.getLogger("library")
        library.addHandler(logging.NullHandler())
        library.error("seen")
        """,
    )
    assert logged.bodies == ["seen"]


@pytest.mark.parametrize("queue", ["queue.Queue()", "multiprocessing.Queue()"])
def test_queue_handler_once(tmp_path: Path, queue: str) -> None:
    logged = run(
        tmp_path,
        f"""
        import logging, logging.handlers, multiprocessing, queue
        records = {queue}
        listener = logging.handlers.QueueListener(records, logging.StreamHandler(), logging.FileHandler("app.log"))
        listener.start()
        logging.basicConfig(level="INFO", handlers=[logging.handlers.QueueHandler(records)])
        logging.getLogger("a").info("through %s", "a queue", extra={{"k": 1}})
        try:
            1 / 0
        except ZeroDivisionError:
            logging.getLogger("a").exception("failed")
        listener.stop()
        """,
    )
    assert logged.bodies == logged.sent == ["through a queue", "failed"]
    assert logged.stderr == []
    assert logged.records[0]["attributes"]["k"] == 1
    assert "through a queue" in (tmp_path / "app.log").read_text()


def test_memory_handler_once(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, logging.handlers
        target = logging.StreamHandler()
        logging.basicConfig(level="INFO", handlers=[logging.handlers.MemoryHandler(10, target=target)])
        logging.info("one")
        logging.error("two")
        """,
    )
    assert logged.bodies == ["one", "two"]
    assert logged.stderr == []


def test_dict_config(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, logging.config
        early = logging.getLogger("early")
        logging.config.dictConfig({
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "%(asctime)s %(message)s"}},
            "filters": {},
            "handlers": {
                "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"},
                "err": {"class": "logging.StreamHandler", "level": "ERROR"},
            },
            "loggers": {"own": {"level": "DEBUG", "handlers": ["out"], "propagate": False}},
            "root": {"level": "INFO", "handlers": ["out", "err"]},
        })
        early.info("one")
        early.error("two handlers")
        logging.getLogger("own").debug("three")
        """,
    )
    assert logged.bodies == logged.sent == ["one", "two handlers", "three"]
    assert logged.stderr == []


def test_hostile_records(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging

        class Hostile:
            def __str__(self): raise RuntimeError("no")
            __repr__ = __str__

        cycle = []
        cycle.append(cycle)
        log = logging.getLogger("a")
        logging.basicConfig(level="INFO")
        log.info("%d", "not a number")
        log.info("%s", Hostile())
        log.info(Hostile())
        log.info("a\\nb\\u2028c\\x85d\\x1b[31m", extra={"h": Hostile(), "c": cycle, "b": b"\\xff", "s": "\\ud800"})
        log.info("x" * 5_000_000, extra={"big": list(range(1_000_000)), "after": 1})
        logging.getLogger("n\\nn").log(35, {"a": 1})
        log.handle(logging.makeLogRecord({"msg": "from afar", "created": float("nan"), "levelno": 20}))
        """,
        DBX_OTEL_STDOUT_MAX_BYTES="5000",
    )
    assert [line[0] for line in logged.stdout] == ["{"] * 7
    assert all(len(line.encode()) < 5000 for line in logged.stdout)
    first, second, third, fourth, fifth, sixth, seventh = logged.records
    assert first["body"] == "%d"
    assert first["attributes"]["logging.args"] == ["not a number"]
    assert second["body"] == "%s"
    assert third["body"] == "<unprintable Hostile>"
    assert fourth["body"] == "a\nb\u2028c\x85d\x1b[31m"
    assert fourth["attributes"]["h"] == "<unprintable Hostile>"
    assert fourth["attributes"]["c"] == ["<cycle>"]
    assert fourth["attributes"]["b"] == "\\xff"
    assert fifth["truncated"] is True
    assert sixth["body"] == {"a": 1}
    assert sixth["severity"] == "LEVEL 35"
    assert sixth["logger"] == "n\nn"
    assert seventh["body"] == "from afar"
    assert len(logged.otlp) == 7


def test_handlers_that_log_themselves(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging

        class Chatty(logging.Handler):
            def emit(self, record):
                if record.name != "chatty":
                    logging.getLogger("chatty").info("sent one record")

        logging.basicConfig(level="INFO", handlers=[Chatty(), logging.StreamHandler()])
        logging.getLogger("a").info("hello")
        """,
    )
    assert sorted(logged.bodies) == ["hello", "sent one record"]


def test_stdout_that_logs_what_it_is_given(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, sys

        class ToLog:
            def write(self, text):
                for line in text.rstrip().splitlines():
                    logging.getLogger("printed").info(line)
            def flush(self): pass

        logging.basicConfig(level="INFO", handlers=[logging.StreamHandler(sys.__stdout__)])
        sys.stdout = ToLog()
        logging.info("hello")
        print("world")
        """,
    )
    assert logged.bodies == ["hello", "world"]


def test_signal_handlers_may_log(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, signal, time
        seen = 0
        def handler(*_):
            global seen
            seen += 1
            logging.getLogger("handler").warning("signal %s", seen)
        signal.signal(signal.SIGALRM, handler)
        logging.basicConfig(level="INFO")
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for number in range(1000):
            logging.info("line %s", number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(seen)
        """,
    )
    [seen] = [int(line) for line in logged.stdout if not line.startswith("{")]
    assert seen > 10
    assert sorted(body for body in logged.bodies if "line" in body) == sorted(f"line {n}" for n in range(1000))
    assert len([body for body in logged.bodies if "signal" in body]) == seen


def test_what_stands_above_a_handler_is_what_stood_there_before(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import inspect, logging

        class Where(logging.Handler):
            def emit(self, record):
                fixed = inspect.stack()[6].function
                frame, depth = inspect.currentframe(), 0
                while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
                    frame, depth = frame.f_back, depth + 1
                print(fixed, frame.f_code.co_name, record.funcName)

        def caller():
            logging.getLogger("a").info("x")

        logging.basicConfig(level="INFO", handlers=[Where()])
        caller()
        """,
    )
    assert "caller caller caller" in logged.stdout


def test_streams_that_cannot_be_written(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, sys
        logging.warning("before")
        sys.stdout.close()
        logging.warning("closed")
        sys.stdout = None
        logging.warning("none")
        """,
    )
    assert logged.sent == ["before", "closed", "none"]


def test_ascii_stdout(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        logging.warning("Zürich 😀")
        """,
        PYTHONIOENCODING="ascii",
    )
    assert logged.stdout[0].isascii()
    assert logged.bodies == ["Zürich 😀"]


def test_opentelemetry_is_not_fed_with_itself(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        from opentelemetry.instrumentation.utils import suppress_instrumentation
        for number in range(3):
            logging.getLogger("opentelemetry.exporter").warning("try %s failed", number)
        logging.getLogger("opentelemetry.exporter").warning("something else")
        with suppress_instrumentation():
            logging.getLogger("urllib3").warning("while exporting")
        """,
    )
    assert logged.bodies == ["try 0 failed", "something else", "while exporting"]
    assert logged.sent == []


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, threading
        logging.basicConfig(level="INFO")
        def work(number):
            for turn in range(100):
                logging.info("%s %s %s", number, turn, "x" * 20_000)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        """,
    )
    assert len(logged.stdout) == 400
    assert len({body[:6] for body in logged.bodies}) >= 4
    assert len(set(logged.bodies)) == 400


def test_instrument_twice_is_once(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging
        from dbx_otel.instrumentation import stdlib_logging
        stdlib_logging.instrument(logging)
        logging.warning("once")
        """,
    )
    assert logged.bodies == ["once"]


def test_logging_does_not_bring_opentelemetry(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging, sys
        logging.basicConfig(level="INFO")
        logging.getLogger("a").debug("not made")
        print([name for name in sys.modules if name.startswith("opentelemetry")])
        """,
    )
    assert logged.stdout == ["[]"]


def test_lines_are_json_by_another_reader(tmp_path: Path) -> None:
    logged = run(tmp_path, "import logging; logging.warning('é\\u2028\\x00\\x7f')")
    assert json.loads(logged.stdout[0])["body"] == "é\u2028\x00\x7f"
    assert len(logged.stdout[0].splitlines()) == 1


def test_rich_on_the_console_once(tmp_path: Path) -> None:
    pytest.importorskip("rich", reason="rich is not installed")
    logged = run(
        tmp_path,
        """
        import logging
        from rich.logging import RichHandler
        logging.basicConfig(level="INFO", handlers=[RichHandler()])
        logging.info("hello")
        """,
    )
    assert logged.count("hello") == 1
    assert logged.bodies == ["hello"]
