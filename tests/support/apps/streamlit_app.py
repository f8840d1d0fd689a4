# SPDX-License-Identifier: Apache-2.0
import streamlit as st

from tests.support.apps.work import work

st.write(work(st.query_params.get("tag", "none")))
