# SPDX-License-Identifier: Apache-2.0
import asyncio
import os

import tornado.web

from tests.support.apps.work import async_work, work


class Work(tornado.web.RequestHandler):
    async def get(self, tag: str) -> None:
        self.write(await async_work(tag))


class Sync(tornado.web.RequestHandler):
    def get(self, tag: str) -> None:
        self.write(work(tag))


async def main() -> None:
    app = tornado.web.Application([(r"/async/(.+)", Work), (r"/sync/(.+)", Sync)])
    app.listen(int(os.environ["PORT"]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
