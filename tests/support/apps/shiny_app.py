# SPDX-License-Identifier: Apache-2.0
from shiny import App, ui
from starlette.requests import Request

from tests.support.apps.work import work


def page(request: Request) -> ui.Tag:
    return ui.page_fluid(work(request.query_params.get("tag", "none")))


app = App(page, None)
