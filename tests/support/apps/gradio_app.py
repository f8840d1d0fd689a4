# SPDX-License-Identifier: Apache-2.0
import os

import gradio as gr

from tests.support.apps.work import work

with gr.Blocks(analytics_enabled=False) as app:
    tag = gr.Textbox()
    done = gr.Textbox()
    tag.submit(work, tag, done, api_name="work", concurrency_limit=8)

if __name__ == "__main__":
    app.launch(server_name="127.0.0.1", server_port=int(os.environ["PORT"]), quiet=True)
