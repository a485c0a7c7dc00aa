"""The room a database has to grow in, on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from pannier.app.diagnosis_settings import Finding

DISK_NOTE_BYTES, DISK_PROBLEM_BYTES = 2_000_000_000, 300_000_000


def disk(data_dir: Path) -> Finding:
    """Whether the database has room to grow."""
    place = data_dir.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    told = f"{free / 1e9:,.1f} GB free at {data_dir}"
    if free < DISK_PROBLEM_BYTES:
        return Finding("disk", "problem", told, "PostgreSQL stops when the disk is full. Make room now.")
    if free < DISK_NOTE_BYTES:
        return Finding("disk", "note", told, "Make room, or set PANNIER_DATA_DIR to a larger disk.")
    return Finding("disk", "ok", told)
