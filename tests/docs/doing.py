"""What a how-to shows is done on a shop of the test's own, by staff."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pannier.app import create_app
from pannier.platform.settings import Settings
from tests.docs.pages import blocks
from tests.support.web import served


async def done(page: Path, settings: Settings, directory: Path) -> str:
    """What the commands of a page say; an AssertionError with that where one of them fails."""
    script = "\n".join(block.text for block in blocks(page) if block.mark == "run")
    assert settings.admin_token is not None
    with served(create_app(settings)) as address:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script.replace("http://127.0.0.1:8000", address)),
            cwd=directory,
            env={**os.environ, "PANNIER_ADMIN_TOKEN": settings.admin_token.get_secret_value()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    return said
