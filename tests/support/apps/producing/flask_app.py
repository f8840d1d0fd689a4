# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from tests.support.apps.producing import produce

app = Flask(__name__)


@app.get("/produce/<tag>")
def get_produce(tag: str) -> dict[str, str]:
    return produce(tag)
