"""The watch over the whole suite's log: it has to be able to find something."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from pannier.kernel.ids import new_cart_token, new_link_token
from pannier.platform.observability.logs import redact
from tests.support import served, shoppers
from tests.support.log_watch import LogWatch, look_through, secret_in

SECRETS = [
    new_cart_token(),
    new_link_token(),
    "rt_" + "A" * 91,
    jwt.encode({"sub": "user-7"}, "a-secret-of-thirty-two-bytes-or-more"),
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:3])
def test_every_kind_of_secret_is_known_again_and_none_is_written(secret: str) -> None:
    assert secret_in(f"signed in with {secret} just now") is not None
    assert secret_in(redact(f"signed in with {secret} just now")) is None


def test_what_was_logged_is_told_with_the_test_that_did_it() -> None:
    watch = LogWatch()
    watch.setFormatter(logging.Formatter("%(message)s"))
    watch.emit(logging.LogRecord("shop", logging.INFO, "", 0, "hello", (), None))
    assert watch.found == []

    watch.emit(logging.LogRecord("shop", logging.INFO, "", 0, "token %s", (SECRETS[1],), None))

    assert len(watch.found) == 1
    assert "test_what_was_logged_is_told" in watch.found[0]
    assert SECRETS[1] not in watch.found[0]


def test_what_processes_of_their_own_have_written_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "first.log").write_text(f"all is well\nsigned in with {SECRETS[0]}\n", encoding="utf-8")
    watch = LogWatch()
    root = logging.getLogger()
    others = root.handlers[:]
    root.handlers[:] = [watch]
    try:
        look_through(tmp_path / "servers", "a server")
        look_through(f"nothing here\n{SECRETS[2]}", "pannier user")
    finally:
        root.handlers[:] = others

    assert [text.partition(": ")[2].split(" that")[0] for text in watch.found] == [
        "a server logged a secret",
        "pannier user logged a secret",
    ]


@pytest.mark.parametrize("kind", ["served", "workers"])
def test_servers_of_tests_are_looked_through(
    kind: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []
    if kind == "served":
        monkeypatch.setattr(served, "look_through", lambda place, _: looked.append(place))
        with served.serve(tmp_path) as server:
            assert server.url
    else:
        monkeypatch.setattr(shoppers, "look_through", lambda place, _: looked.append(place))
        with shoppers.server_processes(tmp_path, database_url, count=1):
            pass
    assert looked
    assert all(place.parent == tmp_path and place.is_file() for place in looked)


def test_a_run_that_logged_a_secret_fails_though_all_its_tests_pass(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "test_it.py").write_text(
        "import logging\n\ndef test_it():\n    logging.getLogger('shop').warning('it is three %s', 'grey herons')\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.log_watch", "-p", "no:cacheprovider", "."]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert "1 passed" in done.stdout
    assert "SECRET IN THE LOG" in done.stdout
    assert done.returncode == 1
