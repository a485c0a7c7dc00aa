"""One database for all seeds of a module, which is brought back to its beginning before each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from pannier.kernel.ids import uuid7
from soak.simulation.play import Controls, Played, play
from soak.simulation.shop import Stage, stage
from tests.support.postgres import drop, execute, with_database


@dataclass(frozen=True)
class Theatre:
    """A stage with the loop on which everything there is played."""

    runner: asyncio.Runner
    place: Stage

    def play(self, seed: str, controls: Controls | None = None) -> Played:
        """One seed from beginning to end."""
        return self.runner.run(play(self.place, seed, controls))


@pytest.fixture(scope="module")
def theatre(server_url: str, _template: str) -> Iterator[Theatre]:
    name = f"test_{uuid7().hex}"
    with asyncio.Runner() as runner:
        runner.run(execute(server_url, f"create database {name} template {_template} strategy file_copy"))
        left = AsyncExitStack()
        yield Theatre(runner, runner.run(left.enter_async_context(stage(with_database(server_url, name)))))
        runner.run(left.aclose())
        runner.run(drop(server_url, name))
