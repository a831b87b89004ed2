"""`python -m flowstone.cli` is `flowstone`."""

from __future__ import annotations

import sys

from flowstone.cli.main import main

sys.exit(main())
