# SPDX-License-Identifier: Apache-2.0
"""Records inside records, across libraries and within one: each is heard, and each once."""

from pathlib import Path

import pytest

from tests.support.logged import run

_TALKATIVE_HANDLER = """
        import logging, sys
        from loguru import logger

        class Ships(logging.Handler):
            def emit(self, record):
                if record.name != "ships":
                    {complain}

        logger.remove()
        logger.add(sys.stdout, format="{{message}}")
        logging.basicConfig(handlers=[Ships()], level="INFO")
"""
_TALKATIVE_SINK = """
        import logging, sys
        from loguru import logger

        def ships(message):
            if "could not" not in message:
                {complain}

        logger.remove()
        logger.add(ships, format="{{message}}")
        logging.basicConfig(level="INFO")
"""
_BY_LOGGING = """logging.getLogger("ships").error("could not ship '%s'", {text})"""
_BY_LOGURU = """logger.error("could not ship '{{}}'", {text})"""


@pytest.mark.parametrize("complain", [_BY_LOGGING, _BY_LOGURU])
def test_a_handler_that_quotes_what_it_delivers(tmp_path: Path, complain: str) -> None:
    complain = complain.format(text="record.getMessage()")
    logged = run(
        tmp_path,
        f"""{_TALKATIVE_HANDLER.format(complain=complain)}
        logging.info("payment of %s", 5)
        logging.info("")
        """,
    )
    expected = ["could not ship 'payment of 5'", "payment of 5", "could not ship ''", ""]
    assert logged.bodies == logged.sent == expected
    assert [record["severity"] for record in logged.records] == ["ERROR", "INFO", "ERROR", "INFO"]


def test_a_sink_that_quotes_what_it_delivers(tmp_path: Path) -> None:
    complain = _BY_LOGGING.format(text='message.record["message"]')
    logged = run(
        tmp_path,
        f"""{_TALKATIVE_SINK.format(complain=complain)}
        logger.info("payment of {{}}", 5)
        logger.info("")
        """,
    )
    assert logged.bodies == logged.sent == ["could not ship 'payment of 5'", "payment of 5", "could not ship ''", ""]


def test_a_logging_handler_under_loguru_that_quotes_what_it_delivers(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        f"""{_TALKATIVE_HANDLER.format(complain=_BY_LOGGING.format(text="record.getMessage()"))}
        logging.getLogger("ships").propagate = False
        logger.remove()
        logger.add(Ships(), format="{{message}}")
        logger.info("payment of 5")
        """,
    )
    assert logged.bodies == logged.sent == ["could not ship 'payment of 5'", "payment of 5"]


def test_the_same_library_never_echoes(tmp_path: Path) -> None:
    logged = run(
        tmp_path,
        """
        import logging

        class Copies(logging.Handler):
            def emit(self, record):
                if record.name != "audit":
                    logging.getLogger("audit").info("audited: %s", record.getMessage())
                    logging.getLogger("audit").info(record.getMessage())

        logging.basicConfig(handlers=[Copies()], level="INFO")
        logging.info("payment of 5")
        """,
    )
    assert logged.bodies == logged.sent == ["audited: payment of 5", "payment of 5", "payment of 5"]


_TO_LOGURU = """
        import logging, sys
        from loguru import logger

        class InterceptHandler(logging.Handler):
            def emit(self, record):
                logger.log(record.levelname, {text})

        logger.remove()
        logger.add(sys.stdout, format="{{message}}")
        logging.basicConfig(handlers=[InterceptHandler()], level="INFO")
        {more}
        try:
            1 / 0
        except ZeroDivisionError:
            logging.exception("failed %s", "today")
"""


@pytest.mark.parametrize("text", ["record.getMessage()", "'{}', record.getMessage()"])
def test_handed_on_to_loguru_is_once(tmp_path: Path, text: str) -> None:
    logged = run(tmp_path, _TO_LOGURU.format(text=text, more=""))
    assert logged.bodies == logged.sent == ["failed today"]


def test_handed_on_to_loguru_and_changed_there_is_once(tmp_path: Path) -> None:
    more = "logger.configure(patcher=lambda record: record.update(message='patched'))"
    logged = run(tmp_path, _TO_LOGURU.format(text="record.getMessage()", more=more))
    assert logged.bodies == logged.sent == ["failed today"]


_TO_LOGGING = """
        import logging, sys
        from loguru import logger

        class PropagateHandler(logging.Handler):
            def emit(self, record):
                logging.getLogger(record.name).handle(record)

        def by_message(message):
            logging.getLogger("shop").error(message.record["message"])

        def by_line(message):
            logging.getLogger("shop").error(message)

        logging.basicConfig(level="INFO")
        logger.remove()
        logger.add({sink})
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("failed {{}}", "today")
"""


@pytest.mark.parametrize(
    "sink", ["PropagateHandler()", "PropagateHandler(), format='{message}'", "by_message", "by_line"]
)
def test_handed_on_to_logging_is_once(tmp_path: Path, sink: str) -> None:
    logged = run(tmp_path, _TO_LOGGING.format(sink=sink))
    assert logged.bodies == logged.sent == ["failed today"]
