# SPDX-License-Identifier: Apache-2.0
from shiny import App, Inputs, Outputs, Session, reactive, ui
from starlette.requests import Request

from tests.support.apps.work import work


def page(request: Request) -> ui.Tag:
    return ui.page_fluid(work(request.query_params.get("tag", "none")))


def server(inputs: Inputs, output: Outputs, session: Session) -> None:
    @reactive.effect
    def _() -> None:
        work(inputs.tag())


app = App(page, server)
