"""The server that the tests run on is the one they are said to run on."""

from __future__ import annotations

import os

import pytest

from pannier.platform.embedded.binaries import MAJOR_VERSION
from tests.support import oldest
from tests.support.database import VARIABLE
from tests.support.embedded import value


async def test_the_tests_speak_to_the_server_they_were_started_for(
    database_url: str, pytestconfig: pytest.Config
) -> None:
    major = int(str(await value(database_url, "show server_version_num"))) // 10_000
    if pytestconfig.getoption(oldest.OPTION):
        assert major == oldest.MAJOR_VERSION
    elif VARIABLE in os.environ:
        assert major >= oldest.MAJOR_VERSION
    else:
        assert major == int(MAJOR_VERSION)
