# SPDX-License-Identifier: Apache-2.0
"""Real servers, with the loggers that they configure themselves: each record once, prints untouched."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import requests

from tests.support.launched import free_port
from tests.support.logged import Logged, environment, read

_ASGI = """
import logging

log = logging.getLogger("shop")
print("printed at import", flush=True)


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/fail":
        raise RuntimeError("failed on purpose")
    log.info("order %s", scope["path"], extra={"path": scope["path"]})
    print("printed in a request {", flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"""

_WSGI = """
import logging

log = logging.getLogger("shop")
print("printed at import", flush=True)


def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise RuntimeError("failed on purpose")
    log.info("order %s", environ["PATH_INFO"], extra={"path": environ["PATH_INFO"]})
    print("printed in a request {", flush=True)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""

_FLASK = """
import logging
from flask import Flask

app = Flask(__name__)
print("printed at import", flush=True)


@app.get("/fail")
def fail():
    raise RuntimeError("failed on purpose")


@app.get("/<path:path>")
def order(path):
    app.logger.info("order /%s", path, extra={"path": path})
    print("printed in a request {", flush=True)
    return "ok"
"""

_DICT_CONFIG = """
import logging.config

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
        "file": {"class": "logging.FileHandler", "filename": "app.log"},
    },
    "root": {"level": "INFO", "handlers": ["console", "file"]},
})
"""

_STRUCTLOG = """
import logging, sys, structlog

shared = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso")]
structlog.configure(
    processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
)
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(structlog.stdlib.ProcessorFormatter(
    foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer(),
))
logging.basicConfig(level="INFO", handlers=[handler])
for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
    logging.getLogger(name).handlers.clear()
    logging.getLogger(name).propagate = True
"""

_LOGURU = """
import logging, sys
from loguru import logger

class InterceptHandler(logging.Handler):
    def emit(self, record):
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())

logging.basicConfig(handlers=[InterceptHandler()], level=0, force=True)
for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
    logging.getLogger(name).handlers.clear()
    logging.getLogger(name).propagate = True
logger.remove()
logger.add(sys.stdout, level="INFO", serialize=True, enqueue=True)
"""

_BASIC = """
import logging
logging.basicConfig(level="INFO")
"""


def serve(folder: Path, app: str, command: Sequence[str], paths: Sequence[str], mode: str = "json") -> Logged:
    """Serve an app, ask for some pages, end it as the platform does, and return what came out."""
    port = free_port()
    (folder / "app.py").write_text(app)
    words = [word.replace("PORT", str(port)) for word in command]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.log_bootstrap", "-m", *words],
            cwd=folder,
            env=environment(mode, folder),
            stdout=out,
            stderr=err,
        )
        try:
            for path in paths:
                _get(server, f"http://127.0.0.1:{port}{path}")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)
    return read(folder, (folder / "out").read_text(), (folder / "err").read_text())


def _get(server: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(200):
        try:
            requests.get(url, timeout=10)
        except requests.ConnectionError:
            assert server.poll() is None, "the server has ended"
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"no answer from {url}")


def _expect(logged: Logged, server: str, *, requests_made: int) -> None:
    prints = [line for line in logged.stdout if not line.startswith("{")]
    assert set(prints) == {"printed at import", "printed in a request {"}
    assert logged.stderr == []
    assert logged.bodies == [body for body in logged.bodies if isinstance(body, str)]
    for number in range(requests_made):
        assert logged.bodies.count(f"order /{number}") == 1
        assert logged.sent.count(f"order /{number}") == 1
    failures = [record for record in logged.records if record["severity"] == "ERROR"]
    assert len(failures) == 1
    assert "failed on purpose" in failures[0]["attributes"]["exception.message"]
    assert "raise RuntimeError" in failures[0]["attributes"]["exception.stacktrace"]
    assert any(record["logger"].startswith(server) for record in logged.records)
    assert sorted(map(str, logged.sent)) == sorted(map(str, logged.bodies))


_PATHS = ["/0", "/1", "/2", "/fail"]
_UVICORN = ("uvicorn", "app:app", "--port", "PORT", "--lifespan", "off")


@pytest.mark.parametrize(
    "configure", ["", _BASIC, _DICT_CONFIG, _STRUCTLOG, _LOGURU], ids=["none", "basic", "dict", "structlog", "loguru"]
)
def test_uvicorn(tmp_path: Path, configure: str) -> None:
    logged = serve(tmp_path, configure + _ASGI, _UVICORN, _PATHS)
    _expect(logged, "uvicorn", requests_made=3)
    access = [record for record in logged.records if record["logger"] == "uvicorn.access"]
    assert len(access) == 4
    assert access[0]["body"].endswith('"GET /0 HTTP/1.1" 200')
    assert not any("color_message" in record.get("attributes", {}) for record in logged.records)
    if configure == _DICT_CONFIG:
        assert "order /0\n" in (tmp_path / "app.log").read_text()


def test_uvicorn_with_a_log_config_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "log.ini").write_text(
        "[loggers]\nkeys=root,access\n[handlers]\nkeys=out\n[formatters]\nkeys=plain\n"
        "[logger_root]\nlevel=INFO\nhandlers=out\n"
        "[logger_access]\nlevel=INFO\nhandlers=out\nqualname=uvicorn.access\npropagate=0\n"
        "[handler_out]\nclass=StreamHandler\nargs=(sys.stdout,)\nformatter=plain\n"
        "[formatter_plain]\nformat=%(message)s\n"
    )
    logged = serve(tmp_path, _ASGI, (*_UVICORN, "--log-config", "log.ini"), _PATHS)
    _expect(logged, "uvicorn", requests_made=3)


@pytest.mark.parametrize("configure", ["", _BASIC], ids=["none", "basic"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_gunicorn(tmp_path: Path, configure: str, workers: str) -> None:
    command = (
        "gunicorn",
        "app:app",
        "-b",
        "127.0.0.1:PORT",
        "-w",
        workers,
        "--access-logfile",
        "-",
        "--capture-output",
    )
    logged = serve(tmp_path, configure + _WSGI, command, _PATHS)
    _expect(logged, "gunicorn.error", requests_made=3)
    access = [record for record in logged.records if record["logger"] == "gunicorn.access"]
    for number in range(3):
        assert sum(f'"GET /{number} HTTP/1.1" 200' in record["body"] for record in access) == 1


def test_gunicorn_with_uvicorn_workers(tmp_path: Path) -> None:
    worker = "uvicorn_worker.UvicornWorker"
    command = ("gunicorn", "app:app", "-b", "127.0.0.1:PORT", "-k", worker, "--access-logfile", "-")
    _expect(serve(tmp_path, _BASIC + _ASGI, command, _PATHS), "gunicorn.error", requests_made=3)


def test_flask(tmp_path: Path) -> None:
    logged = serve(tmp_path, _FLASK, ("gunicorn", "app:app", "-b", "127.0.0.1:PORT"), _PATHS)
    _expect(logged, "gunicorn.error", requests_made=3)


_TOOL_RUNNER = """
import io
from contextlib import redirect_stdout
from flask import Flask

app = Flask(__name__)
caught = io.StringIO()


@app.get("/run")
def run_tool():
    with redirect_stdout(caught):
        print("said by the tool")
        app.test_client().get("/other")
        app.logger.warning("in the tool")
    print("caught", repr(caught.getvalue()), flush=True)
    return "ok"


@app.get("/other")
def other():
    app.logger.warning("another request")
    return "ok"
"""


def test_what_a_tool_prints_holds_no_record(tmp_path: Path) -> None:
    logged = serve(tmp_path, _TOOL_RUNNER, ("gunicorn", "app:app", "-b", "127.0.0.1:PORT"), ["/run"])
    assert r"caught 'said by the tool\n'" in logged.stdout
    for body in ("another request", "in the tool"):
        assert logged.bodies.count(body) == logged.sent.count(body) == 1


def test_off_changes_nothing(tmp_path: Path) -> None:
    logged = serve(tmp_path, _ASGI, _UVICORN, _PATHS, "off")
    assert logged.records == []
    assert any('"GET /0 HTTP/1.1" 200' in line for line in logged.stdout)
    assert any("Uvicorn running on" in line for line in logged.stderr)
    assert "order /0" in logged.sent
