"""`pannier migrate` and `doctor`, and what is said of a database that is not as it should be."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from pannier.app.commands.reaching import why_unreachable
from pannier.app.diagnosis_database import clock_finding
from pannier.platform import migrate
from pannier.platform.embedded import EmbeddedServer
from tests.support.command import Done, pannier
from tests.support.embedded import open_directory
from tests.support.waiting import wait_until


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def findings(said: Done) -> dict[str, tuple[str, str]]:
    return {finding["about"]: (finding["status"], finding["found"]) for finding in said.json["findings"]}


def test_an_outside_database_is_migrated_by_migrate_only(empty_url: str) -> None:
    behind = pannier("stock", "list", database_url=empty_url)
    check = pannier("migrate", "--check", "--json", database_url=empty_url)
    done = pannier("migrate", database_url=empty_url)
    again = pannier("migrate", database_url=empty_url)

    assert behind.code == 1
    assert behind.stderr.startswith(
        "The database is behind this version (COMMAND_003)\n  The database has no tables yet"
    )
    assert "Run `pannier migrate`" in behind.stderr
    assert check.code == 1
    assert check.json == {"before": None, "revision": None, "needed": migrate.head(), "is_current": False}
    assert done.stdout == f"The database went from nothing to {migrate.head()}.\n"
    assert again.stdout.endswith("there was nothing to do.\n")
    assert pannier("migrate", "--check", database_url=empty_url).code == 0
    assert pannier("stock", "list", database_url=empty_url).code == 0


def test_serve_does_not_open_on_an_outside_database_that_is_behind(empty_url: str) -> None:
    said = pannier("serve", port=0, database_url=empty_url)

    assert said.code == 1
    assert said.stdout == ""
    assert "(COMMAND_003)" in said.stderr


def test_going_back_asks_first_and_takes_the_tables_away(database_url: str) -> None:
    unasked = pannier("migrate", "--down", "base", database_url=database_url)
    meant = pannier("migrate", "--down", "base", "--yes", "--json", database_url=database_url)

    assert unasked.code == 1
    assert "Add --yes" in unasked.stderr
    assert meant.json["revision"] is None


def test_a_revision_that_is_none_is_wrong_usage(database_url: str) -> None:
    said = pannier("migrate", "--to", "9999", database_url=database_url)

    assert said.code == 2
    assert "'9999'" in said.stderr


def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    asyncio.run(_execute(database_url, "update alembic_version set version_num = '9999'"))

    said = pannier("migrate", "--json", database_url=database_url)

    assert said.code == 1
    assert said.json["error"] == "DATABASE_AHEAD"
    assert "Run the Pannier that migrated it" in said.stderr


def test_doctor_finds_nothing_wrong_where_nothing_is(database_url: str, free_port: int) -> None:
    said = pannier("doctor", "--json", database_url=database_url, port=free_port, admin_token="a-token-for-tests-only")

    assert said.code == 0, said.stdout
    assert said.json["problems"] == 0
    found = findings(said)
    # The servers of tests are fast and forgetful, which is told.
    assert found.pop("durability")[0] == "note"
    found.pop("disk", None)
    assert {status for status, _ in found.values()} == {"ok"}
    assert set(found) == {"settings", "staff", "port", "server", "tables", "clock", "connections"}


def test_doctor_finds_what_is_wrong_and_says_what_to_do(empty_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = pannier(
            "doctor", "--json", database_url=empty_url, port=port, workers=50, host_name="x", host="127.0.0.1"
        )

    found = findings(said)
    assert said.code == 1
    assert found["port"] == ("problem", f"port {port} on 127.0.0.1 is taken by another program")
    assert found["variables"][1].startswith("PANNIER_HOST_NAME is no setting")
    assert found["tables"][0] == "problem"
    assert found["connections"][0] == "problem"
    assert found["staff"][0] == "note"
    assert said.json["problems"] == 4, said.stdout
    assert all(finding["advice"] for finding in said.json["findings"] if finding["status"] != "ok")


def test_doctor_finds_settings_that_contradict_each_other(database_url: str) -> None:
    said = pannier(
        "doctor", "--json", database_url=database_url, port=0, hold_cap_s=60, shipping_free_from_minor=5000,
        database_lock_timeout_s=60, enable_guest_carts="false", data_dir="x",
    )  # fmt: skip

    told = [finding for finding in said.json["findings"] if finding["about"] == "combination"]
    assert said.code == 0
    for name in ("HOLD_CAP_S", "LOCK_TIMEOUT_S", "SHIPPING_FREE_FROM_MINOR", "GUEST_CHECKOUT", "DATA_DIR"):
        assert any(name in finding["found"].split(" ")[0] for finding in told), name
    assert len(told) == 5
    assert all(finding["status"] == "note" and finding["advice"] for finding in told)


def test_what_is_weak_is_wrong_only_where_others_reach_the_shop(database_url: str) -> None:
    def look(host: str) -> Done:
        return pannier(
            "doctor", "--json", host=host, port=0, database_url=database_url,
            admin_token="changemechangeme", log_level="DEBUG",
        )  # fmt: skip

    desk, open_ = look("127.0.0.1"), look("0.0.0.0")

    assert desk.code == 0
    assert open_.code == 1
    assert findings(desk)["staff"] == ("note", "PANNIER_ADMIN_TOKEN is easily guessed")
    assert findings(open_)["staff"] == ("problem", "PANNIER_ADMIN_TOKEN is easily guessed")
    assert findings(open_)["durability"][0] == "problem"
    assert findings(open_)["log"][0] == findings(open_)["cookies"][0] == "note"
    assert "changeme" not in open_.stdout


def test_a_database_of_a_newer_version_is_told_from_one_that_is_behind(database_url: str) -> None:
    asyncio.run(_execute(database_url, "update alembic_version set version_num = '9999'"))

    said = pannier("doctor", "--json", database_url=database_url, port=0)

    assert findings(said)["tables"][1].startswith("at 9999, which this version does not know")
    assert "newer" in next(finding["advice"] for finding in said.json["findings"] if finding["about"] == "tables")


def test_a_limit_of_the_role_counts_as_well(database_url: str) -> None:
    name = urlsplit(database_url).path.strip("/")
    asyncio.run(_execute(database_url, f"alter database {name} connection limit 8"))

    said = pannier("doctor", "--json", database_url=database_url, port=0)

    assert findings(said)["connections"] == ("problem", "10 wanted (1 × 10), 8 to be had")


@pytest.mark.parametrize("skew_s, status", [(0.3, "ok"), (-2.0, "note"), (7.0, "problem")])
def test_clocks_that_are_apart_are_told_with_what_it_breaks(skew_s: float, status: str) -> None:
    found = clock_finding(skew_s, 0.01)

    assert found.status == status
    assert status == "ok" or f"{abs(skew_s):.0f} s too {'early' if skew_s > 0 else 'late'}" in found.advice
    assert status == "ok" or "Holds" in found.advice


@pytest.mark.parametrize(
    "url, told",
    [
        ("postgresql://shop:hunter22@no-such-host.invalid/shop", "its name is not known (DNS)"),
        ("postgresql://shop:hunter22@127.0.0.1:1/shop", "nobody listens there"),
        ("postgresql://shop:hunter22@/shop?host=/no/such/directory", "there is no socket in that directory"),
        ("postgresql://shop:hunter22@127.0.0.1:bad/shop", "the address cannot be read"),
    ],
)
def test_a_database_that_is_not_there_is_told_by_its_cause(url: str, told: str) -> None:
    said = pannier("doctor", "--json", database_url=url, port=0)

    assert said.code == 1
    assert told in findings(said)["database"][1]
    assert "hunter22" not in said.stdout + said.stderr


def test_a_database_that_does_not_exist_is_told(database_url: str) -> None:
    gone = urlunsplit(urlsplit(database_url)._replace(path="/no_such_database"))

    said = pannier("doctor", "--json", database_url=gone, port=0)

    assert said.code == 1
    assert 'database "no_such_database" does not exist' in findings(said)["database"][1]


def test_doctor_tells_when_nothing_has_a_price_in_the_shop_s_currency(database_url: str, free_port: int) -> None:
    pannier("seed", database_url=database_url, currency="EUR")

    said = pannier("doctor", "--json", database_url=database_url, port=free_port, currency="JPY")

    assert said.code == 1
    assert findings(said)["prices"] == ("problem", "no product has a price in JPY; there are prices in EUR")
    assert "prices" not in findings(pannier("doctor", "--json", database_url=database_url, currency="EUR"))


def test_the_user_who_runs_an_embedded_shop_is_named_to_others(tmp_path: Path) -> None:
    refusal = asyncpg.InvalidAuthorizationSpecificationError('Peer authentication failed for user "pannier"')
    url = f"postgresql://pannier@/pannier?host={quote(str(tmp_path / 'run'), safe='')}"

    outside = why_unreachable(url, refusal)
    (tmp_path / "owner.lock").touch()
    embedded = why_unreachable(url, refusal)

    assert "Check both in PANNIER_DATABASE_URL" in outside
    assert f"run by the user {tmp_path.owner()}, and lets nobody else in" in embedded


def test_doctor_looks_on_when_settings_cannot_be_used() -> None:
    said = pannier("doctor", port=70000, workers="many")

    assert said.code == 1
    assert "WRONG settings    PANNIER_PORT: " in said.stdout
    assert "WRONG settings    PANNIER_WORKERS: " in said.stdout
    assert said.stdout.endswith("2 things are wrong.\n")


def test_doctor_tells_a_database_that_does_not_answer() -> None:
    said = pannier("doctor", database_url="postgresql://shop:hunter22@127.0.0.1:1/shop", port=0)

    assert said.code == 1
    assert "WRONG database" in said.stdout
    assert "hunter22" not in said.stdout


def test_doctor_on_an_empty_machine_points_to_the_first_step(tmp_path: Path) -> None:
    said = pannier("doctor", "--data-dir", tmp_path / "new", port=0)

    assert said.code == 0
    assert "`pannier serve --demo` makes one" in said.stdout
    assert not (tmp_path / "new").exists()


def test_the_embedded_database_is_made_and_migrated_by_whoever_comes_first() -> None:
    with open_directory() as directory:
        seeded = pannier("seed", "--data-dir", directory / "data")
        looked = pannier("doctor", "--json", "--data-dir", directory / "data", port=0)

    assert seeded.code == 0, seeded.stderr
    assert seeded.stderr == ""
    assert findings(looked)["tables"][0] == "ok"
    assert "is stopped, and starts" in findings(looked)["database"][1]


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


def test_doctor_tells_of_a_database_that_was_killed(free_port: int) -> None:
    with open_directory() as directory, EmbeddedServer(directory / "data") as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: server.pid is None)
        server.ensure_running()
        said = pannier("doctor", "--json", data_dir=directory / "data", port=free_port)
    status, found = findings(said)["stops"]
    assert status == "note"
    assert found.startswith("PostgreSQL has stopped 1 time without being told to: ")
