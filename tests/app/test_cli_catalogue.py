"""`pannier import`, `export`, `seed`, `stock` and `audit` on a real database."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.support.command import environment, pannier

HEADER = (
    "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,"
    "Variant Price\n"
)
GOOD = HEADER + (
    "stool,Oak stool,Size,Small,STOOL,shopify,10,49.00\n"
    "stool,,,Large,STOOL,shopify,4,59.00\n"
    "mug,Mug,,,MUG,shopify,3,9.50\n"
)
BROKEN = GOOD + "lamp,Lamp,,,LAMP,shopify,2,cheap\n,No handle,,,X,shopify,1,1.00\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "products.csv"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_import_tells_what_it_did_and_again_changes_nothing(database_url: str, file: Path) -> None:
    first = pannier("import", file, database_url=database_url)
    again = pannier("import", file, "--json", database_url=database_url)

    assert first.code == again.code == 0
    assert f"{file}: 2 products, 3 variants in 3 rows." in first.stdout
    assert "2 new, 0 changed, 0 as they were; stock of 3 variants booked." in first.stdout
    assert again.json["outcome"] == "unchanged"
    assert again.json["products"] == {"created": 0, "updated": 0, "unchanged": 2}


def test_a_file_with_bad_rows_is_refused_whole_and_partial_leaves_them_out(database_url: str, file: Path) -> None:
    file.write_text(BROKEN, encoding="utf-8")

    refused = pannier("import", file, database_url=database_url)
    nothing = pannier("stock", "list", "--json", database_url=database_url)
    partial = pannier("import", file, "--partial", "--json", database_url=database_url)

    assert refused.code == 1
    assert refused.stdout == ""
    assert "line 5, column Variant Price: " in refused.stderr
    assert "line 6, column Handle: " in refused.stderr
    assert "add --partial to import the 2 good products" in refused.stderr
    assert nothing.json == []
    assert partial.code == 0
    assert partial.json["products"]["created"] == 2
    assert {problem["line"] for problem in partial.json["problems"]["listed"]} == {5, 6}


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\x00\x00", b"", b'{"a": '], ids=["binary", "empty", "cut JSON"])
def test_what_is_no_catalogue_is_refused_with_a_reason(database_url: str, data: bytes) -> None:
    kind = "json" if data.startswith(b"{") else "shopify"
    said = pannier("import", "-", "--format", kind, "--json", stdin=data, database_url=database_url)

    assert said.code == 1
    assert said.json["outcome"] == "refused"
    assert said.json["problems"]["count"] >= 1
    assert "Traceback" not in said.stderr


def test_a_file_that_is_not_there_is_told_before_any_database_is_asked(tmp_path: Path) -> None:
    said = pannier("import", tmp_path / "nowhere.csv", database_url="postgresql://127.0.0.1:1/shop")

    assert said.code == 1
    assert "nowhere.csv: No such file or directory" in said.stderr


def test_export_gives_back_what_came_in_to_a_file_and_to_a_pipe(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)

    to_file = pannier("export", file.with_name("out.csv"), "--json", database_url=database_url)
    to_pipe = pannier("export", "-", database_url=database_url)
    as_json = pannier("export", file.with_name("out.json"), database_url=database_url)

    assert to_file.json["products"] == 2
    assert file.with_name("out.csv").read_text(encoding="utf-8").replace("\r\n", "\n") == GOOD
    assert to_pipe.stdout.replace("\r\n", "\n") == GOOD
    assert "Exported 2 products" in to_pipe.stderr
    assert as_json.code == 0
    assert json.loads(file.with_name("out.json").read_text(encoding="utf-8"))["currency"] == "USD"
    assert sorted(path.name for path in file.parent.iterdir()) == ["out.csv", "out.json", "products.csv"]


def test_an_export_that_cannot_be_written_on_does_not_blame_the_database(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)
    full, cut = (
        subprocess.run(
            ["bash", "-c", f"set -o pipefail; {Path(sys.executable).parent}/pannier export - {where}"],
            env=environment(database_url=database_url),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for where in ("> /dev/full", "| true")
    )

    assert full.returncode == cut.returncode == 1
    assert full.stderr.splitlines()[:2] == [
        "The file cannot be used (COMMAND_005)",
        "  standard output: No space left on device. No file was written.",
    ]
    assert cut.stderr == ""


def test_export_to_where_nothing_can_be_written_is_refused(database_url: str, tmp_path: Path) -> None:
    said = pannier("export", tmp_path / "no" / "such" / "folder.csv", database_url=database_url)

    assert said.code == 1
    assert "Choose a folder that you may write to." in said.stderr


def test_seed_fills_an_empty_shop_and_leaves_any_other_alone(database_url: str) -> None:
    assert pannier("seed", "--json", database_url=database_url).json["products"]["created"] >= 10
    assert pannier("seed", database_url=database_url).stdout == "The shop has products already; nothing was changed.\n"
    low = pannier("stock", "list", "--low", "0", "--json", database_url=database_url).json
    assert low
    assert all(variant["available"] == 0 for variant in low)


def test_stock_is_changed_by_sku_and_every_change_is_in_the_ledger(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)

    def stock(*arguments: object) -> str:
        said = pannier("stock", *arguments, database_url=database_url)
        assert said.code == 0, said.stderr
        return said.stdout

    assert "on hand 3 → 15" in stock("receive", "MUG", 12, "--reason", "delivery")
    assert "on hand 15 → 13" in stock("adjust", "MUG", -2, "--reason", "broken")
    assert "on hand 13 → 20" in stock("count", "MUG", 20)
    assert "available 18" in stock("configure", "MUG", "--safety", 2)
    assert "available unlimited" in stock("configure", "MUG", "--backorder", "unlimited")
    assert "available not counted" in stock("configure", "MUG", "--untracked")
    ledger = json.loads(stock("movements", "MUG", "--json"))["movements"]
    assert [(row["kind"], row["quantity"], row["reason"]) for row in ledger] == [
        ("adjust", 7, ""), ("adjust", -2, "broken"), ("receive", 12, "delivery"), ("receive", 3, "catalogue import"),
    ]  # fmt: skip
    assert ledger[0]["actor"].startswith("cli:")
    assert "13 → 20" in stock("movements", "MUG")


def test_a_sku_that_two_variants_carry_is_told_with_their_ids(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)

    said = pannier("stock", "receive", "STOOL", 1, "--json", database_url=database_url)

    assert said.code == 1
    assert said.json["error"] == "SKU_AMBIGUOUS"
    ids = [variant["id"] for variant in said.json["details"]["variants"]]
    assert len(ids) == 2
    assert all(variant_id in said.stderr for variant_id in ids)
    assert "on hand 10 → 11" in pannier("stock", "receive", ids[0], 1, database_url=database_url).stdout
    assert pannier("stock", "show", ids[0], "--json", database_url=database_url).json["on_hand"] == 11


@pytest.mark.parametrize("name", ["NOWHERE", "01977d3e-8f00-7000-8000-000000000001", "'; drop table stock; --"])
def test_a_variant_that_is_none_is_told(database_url: str, name: str) -> None:
    said = pannier("stock", "show", name, database_url=database_url)

    assert said.code == 1
    assert said.stderr.startswith("No variant has this id or SKU (COMMAND_007)\n")


def test_audit_proves_finds_and_repairs(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)
    clean = pannier("audit", "--json", database_url=database_url)
    asyncio.run(_execute(database_url, "update stock set on_hand = on_hand + 7 where on_hand = 3"))

    broken = pannier("audit", database_url=database_url)
    repaired = pannier("audit", "--repair", "--json", database_url=database_url)

    assert clean.code == 0
    assert clean.json["is_clean"]
    assert clean.json["invariants"] > 20
    assert broken.code == 1
    assert "stock.figures: " in broken.stdout
    assert "on_hand 10" in broken.stdout
    assert "audit --repair" in broken.stderr
    assert repaired.code == 0
    assert repaired.json["repairs"]
    assert pannier("stock", "show", "MUG", "--json", database_url=database_url).json["on_hand"] == 3


def test_a_repair_names_the_figures_that_are_others_now(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)
    asyncio.run(_execute(database_url, "update stock set on_hand = on_hand + 7 where on_hand = 3"))

    said = pannier("audit", "--repair", database_url=database_url)

    mended, figures, *_ = said.stdout.splitlines()
    assert mended == "Mended: set figures to the ledger and the holds"
    assert "on_hand 10 → 3" in figures
    assert "held" not in figures
    assert "{" not in figures


def test_stock_below_zero_is_booked_where_it_is_meant_and_said(database_url: str, file: Path) -> None:
    pannier("import", file, database_url=database_url)

    slip = pannier("stock", "adjust", "MUG", -1003, database_url=database_url)
    said = pannier("stock", "adjust", "MUG", -1003, "--allow-negative", database_url=database_url)

    assert slip.code == 1
    assert "3 units are on hand; no more can be taken away" in slip.stderr
    assert "--allow-negative" in slip.stderr
    assert said.code == 0
    assert "on hand 3 → -1,000, held 0, available 0" in said.stdout
    assert "below zero" in said.stderr


def test_what_was_exported_comes_back_without_a_change(database_url: str, file: Path, tmp_path: Path) -> None:
    pannier("import", file, database_url=database_url)
    pannier("export", tmp_path / "out.json", database_url=database_url)

    back = pannier("import", tmp_path / "out.json", "--json", database_url=database_url)
    again = pannier("import", tmp_path / "out.json", "--json", database_url=database_url)

    assert back.json["products"]["updated"] == back.json["products"]["created"] == 0
    assert back.json["products"]["unchanged"] == again.json["products"]["unchanged"] > 0


def test_warnings_are_told_by_kind_and_all_where_that_is_wanted(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "blank.csv"
    rows = "".join(f"p-{number},Product {number},,shopify,5,9.99\n" for number in range(7))
    header = "Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n"
    file.write_text(header + rows, encoding="utf-8")

    brief = pannier("import", file, database_url=database_url)
    verbose = pannier("import", file, "--verbose", database_url=database_url)

    assert brief.code == verbose.code == 0
    assert brief.stdout.count("has no SKU") == 1
    assert "7 × line 2, column Variant SKU: the variant has no SKU" in brief.stdout
    assert verbose.stdout.count("has no SKU") == 7


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
