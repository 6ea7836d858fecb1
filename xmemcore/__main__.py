"""`python -m xmemcore` is `xmem-roto`."""

from __future__ import annotations

import sys

from xmemcore.cli.main import main

sys.exit(main())
