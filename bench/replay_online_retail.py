"""Runs real invoices of the UCI Online Retail data through the shop: `python bench/replay_online_retail.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started by its path, Python looks for modules beside this file, and not above it where the package is.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from bench.replay.command import main

    sys.exit(main())
