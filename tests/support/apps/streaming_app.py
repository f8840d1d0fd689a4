# SPDX-License-Identifier: Apache-2.0
"""Responses that are made after the app has returned, in Flask and in Django."""

import logging
import os
import sys
from collections.abc import Iterator

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from flask import Flask, Response

log = logging.getLogger("app")
settings.configure(DEBUG=False, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], SECRET_KEY="test")


def chunks(tag: str) -> Iterator[str]:
    for number in range(3):
        log.info("chunk %s", tag)
        yield str(number)


flask = Flask(__name__)


@flask.get("/stream/<tag>")
def flask_stream(tag: str) -> Response:
    return Response(chunks(tag))


def django_stream(request: HttpRequest, tag: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks(tag))


urlpatterns = [path("stream/<str:tag>", django_stream)]
django = get_wsgi_application()

if __name__ == "__main__":
    from opentelemetry import trace

    with trace.get_tracer("app").start_as_current_span(f"main {sys.argv}"):
        flask.run(port=int(os.environ["PORT"]))
