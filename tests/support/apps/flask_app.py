# SPDX-License-Identifier: Apache-2.0
import os

from flask import Flask

from tests.support.apps.work import work

app = Flask(__name__)


@app.get("/async/<tag>")
def get_work(tag: str) -> str:
    return work(tag)


@app.get("/sync/<tag>")
def get_sync(tag: str) -> str:
    return work(tag)


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
