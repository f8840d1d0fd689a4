# SPDX-License-Identifier: Apache-2.0
"""`python -m dbx_otel.cli`, where the `dbx-otel` script is not on the path."""

import sys

from dbx_otel.cli import main

sys.exit(main())
