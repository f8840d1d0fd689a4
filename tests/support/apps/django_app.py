# SPDX-License-Identifier: Apache-2.0
"""A Django project in one file, the way `manage.py` and `wsgi.py` set one up."""

import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(DEBUG=False, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], SECRET_KEY="test")


def get_work(request: HttpRequest, tag: str) -> HttpResponse:
    from tests.support.apps.work import work

    return HttpResponse(work(tag))


urlpatterns = [path("async/<str:tag>", get_work), path("sync/<str:tag>", get_work)]
app = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line([sys.argv[0], "runserver", "--noreload", os.environ["PORT"]])
