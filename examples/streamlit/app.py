# SPDX-License-Identifier: Apache-2.0
"""A small data app: orders, and figures that only some people may see."""

import logging

import pandas as pd
import streamlit as st

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("orders")

ORDERS = pd.DataFrame(
    {
        "id": [1001, 1002, 1003],
        "customer": ["Northwind", "Contoso", "Fabrikam"],
        "dollars": [1250.0, 310.5, 89.9],
    }
)
MAY_SEE_REVENUE = {"ada@example.com"}

# The platform's proxy sets this header; Streamlit has those of the moment when the browser tab was opened.
email = st.context.headers.get("X-Forwarded-Email")

st.title("Orders")
st.write(f"Hello, {email or 'stranger'}.")
st.dataframe(ORDERS, hide_index=True)

order_id = st.selectbox("Order", ORDERS["id"])
st.write(ORDERS[ORDERS["id"] == order_id].to_dict("records")[0])
log.info("order %s read", order_id)

if st.button("Revenue"):
    if email in MAY_SEE_REVENUE:
        log.info("revenue read")
        st.metric("Revenue", f"${ORDERS['dollars'].sum():,.2f}")
    else:
        log.warning("revenue denied")
        st.error("The revenue is for the finance team.")
