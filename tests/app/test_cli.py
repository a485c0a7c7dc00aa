"""`pannier` explains itself, its settings and its refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pannier.app.cli import main
from pannier.platform.settings import Settings
from tests.support.command import pannier
from tools.reference import command_names

HEAVY = ("fastapi", "asyncpg", "sqlalchemy", "alembic", "uvicorn", "pydantic_settings", "pannier.platform.settings")


def test_help_lists_every_command_and_the_exit_codes() -> None:
    said = pannier("--help")

    assert said.code == 0
    for name in (
        "serve",
        "migrate",
        "import",
        "export",
        "seed",
        "stock",
        "audit",
        "price",
        "doctor",
        "settings",
        "version",
    ):
        assert f" {name} " in said.stdout
    assert "0 done" in said.stdout
    assert "130 interrupted" in said.stdout


def test_help_answers_before_anything_heavy_is_imported() -> None:
    program = (
        "import sys, resource; from pannier.app.cli import main; main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr);"
        "usage = resource.getrusage(resource.RUSAGE_SELF);"
        "print(usage.ru_utime + usage.ru_stime, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported, cpu_s = run.stderr.splitlines()

    assert imported == "[]"
    # On a machine that does nothing else it is a quarter of a second by the clock.
    assert float(cpu_s) < 0.6


@pytest.mark.parametrize("name", sorted(command_names()))
def test_every_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split()[1:], "--help"]) == 0

    said = capsys.readouterr().out
    assert "Example" in said
    assert "--json" in said or name == "pannier serve"


def test_the_workers_begin_before_what_only_they_need_is_imported() -> None:
    """`pannier serve` and its workers share the time of a start: what it imports first, they wait for."""
    program = (
        "import sys, pannier.app.cli, pannier.app.commands.settings_reading, pannier.app.supervisor;"
        "print([name for name in ('fastapi', 'starlette', 'uvicorn', 'httpx', 'jwt', 'prometheus_client', 'asyncpg')"
        " if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nonsense"], "No such command"),
        (["serve", "--port", "eighty"], "--port"),
        (["serve", "--port", "70000"], "65535"),
        (["import"], "FILE"),
        (["stock", "receive", "MUG", "0"], "UNITS"),
        (["stock", "adjust", "MUG", "many"], "±UNITS"),
        (["stock", "configure", "MUG"], "--safety"),
        (["stock", "configure", "MUG", "--backorder", "-1"], "unlimited"),
        (["migrate", "--check", "--to", "0001"], "exclude"),
        (["export", "-", "--json"], "--json"),
        (["import", "x", "--format", "xml"], "shopify"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_code_2_and_names_what_is_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_every_wrong_setting_is_told_at_once_on_a_line_of_its_own() -> None:
    said = pannier("settings", port=70000, workers="many", hold_at="later", admin_token="short", currency="BTC")

    assert said.code == 2
    assert said.stdout == ""
    assert "(COMMAND_001)" in said.stderr
    for name in ("PANNIER_PORT", "PANNIER_WORKERS", "PANNIER_HOLD_AT", "PANNIER_ADMIN_TOKEN", "PANNIER_CURRENCY"):
        assert f"  {name}: " in said.stderr
    assert "'70000'" in said.stderr
    assert "short" not in said.stderr.replace("too short", "")
    assert "Traceback" not in said.stderr


def test_a_setting_that_should_be_json_is_told_with_an_example() -> None:
    said = pannier("settings", payment_methods="invoice")

    assert said.code == 2
    assert 'PANNIER_PAYMENT_METHODS: must be JSON, such as ["invoice", "cash_on_delivery"]' in said.stderr


def test_settings_shows_values_and_sources_and_no_secret() -> None:
    said = pannier(
        "settings", "--json", port=9000, admin_token="s3cret-s3cret-s3cret",
        database_url="postgresql://shop:hunter22@db/shop?password=hunter22",
    )  # fmt: skip

    assert said.code == 0
    assert set(said.json) == set(Settings.model_fields)
    assert said.json["port"] == {"value": "9000", "source": "environment", "default": "8000"}
    assert said.json["host"]["source"] == "default"
    assert "s3cret" not in said.stdout
    assert "hunter22" not in said.stdout
    assert "shop:********@db" in said.json["database_url"]["value"]


def test_secrets_of_issuers_are_told_neither_when_they_are_right_nor_when_they_are_wrong() -> None:
    entry = {"issuer": "https://id.example.com/", "audience": ["shop"], "secret": "s3cret-s3cret-s3cret-s3cret-s3cret"}
    right = pannier("settings", "--json", jwt_issuers=json.dumps([entry]))
    wrong = pannier("settings", jwt_issuers=json.dumps([{**entry, "audience": []}]), jwt_secret="s3cret-and-short")
    no_audience = pannier("settings", jwt_secret=entry["secret"])

    assert (right.code, wrong.code, no_audience.code) == (0, 2, 2)
    assert json.loads(right.json["jwt_issuers"]["value"])[0]["audience"] == ["shop"]
    assert "PANNIER_JWT_AUDIENCE" in no_audience.stderr
    assert "s3cret" not in right.stdout + wrong.stderr + no_audience.stderr


def test_settings_for_people_can_be_only_those_that_were_changed() -> None:
    said = pannier("settings", "--changed", hold_at="checkout")

    assert [line.split() for line in said.stdout.splitlines()] == [
        ["setting", "value", "from"],
        ["PANNIER_HOLD_AT", "checkout", "environment"],
    ]


def test_a_misspelt_variable_is_told_with_the_one_that_was_meant() -> None:
    said = pannier("settings", "--changed", databse_url="postgresql://x")

    assert "PANNIER_DATABSE_URL is no setting and has no effect; did you mean PANNIER_DATABASE_URL?" in said.stderr


def test_version_as_json_and_for_people() -> None:
    assert pannier("version", "--json").json["pannier"] == "0.1.0"
    assert pannier("version").stdout.startswith("Pannier 0.1.0 on Python 3.")


@pytest.mark.parametrize("command", [("audit",), ("migrate", "--check"), ("stock", "list"), ("seed",)])
def test_a_database_that_is_not_there_is_one_clear_block(command: tuple[str, ...]) -> None:
    said = pannier(*command, database_url="postgresql://shop:hunter22@127.0.0.1:1/shop")

    assert said.code == 1
    assert said.stdout == ""
    assert said.stderr.startswith(
        "The database cannot be reached (COMMAND_002)\n  postgresql://shop:********@127.0.0.1"
    )
    assert "Is PostgreSQL running there?" in said.stderr
    assert "Traceback" not in said.stderr


def test_an_address_that_is_none_is_explained() -> None:
    said = pannier("audit", database_url="mysql://shop@db/shop")

    assert said.code == 1
    assert "It looks like postgresql://user:password@host:5432/name" in said.stderr


def test_with_json_a_refusal_is_json_too() -> None:
    said = pannier("audit", "--json", database_url="postgresql://127.0.0.1:1/shop")

    assert said.code == 1
    assert said.json["error"] == "DATABASE_UNREACHABLE"
    assert said.json["code"] == "COMMAND_002"


def test_a_fault_is_told_in_a_line_and_shown_whole_with_debug(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder is needed")

    quiet = pannier("audit", data_dir=tmp_path / "data")
    loud = pannier("audit", "--debug", data_dir=tmp_path / "data")

    assert quiet.code == loud.code == 1
    assert "Traceback" not in quiet.stderr
    assert "PANNIER_DATA_DIR" in quiet.stderr
    assert "Traceback" in loud.stderr


def test_output_that_nobody_reads_to_its_end_is_no_fault() -> None:
    command = f"{Path(sys.executable).parent / 'pannier'} settings | head -1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert run.stdout.startswith("setting ")
    assert run.stderr == ""


def test_json_stays_json_when_it_is_piped() -> None:
    assert json.loads(pannier("settings", "--json", "--changed").stdout) == {}
