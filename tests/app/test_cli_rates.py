"""`pannier import tax`, `import fx` and `report tax` on a real database."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import pannier

HEAD = "start_date,stop_date,territory_codes,currency_code,rate,rate_type,description\n"


def test_tax_rates_come_in_and_again_change_nothing(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(
        f"{HEAD}2000-01-01,2010-01-01,AT,EUR,0.2,standard,\n2010-01-01,,AT\n2011-01-01,,IC,EUR,0.1,standard,\n"
    )
    refused = pannier("import", "tax", file, database_url=database_url)
    file.write_text(f"{HEAD}2000-01-01,2010-01-01,AT,EUR,0.2,standard,\n2010-01-01,,AT,EUR,0.21,standard,\n")
    first = pannier("import", "tax", file, "--added", database_url=database_url)
    again = pannier("import", "tax", "--json", file, "--added", database_url=database_url)

    assert refused.code == 1
    assert f"{file}: line 3, column rate: 'None' is no rate" in refused.stderr
    assert (first.code, first.stderr) == (0, "")
    assert "2 new, 0 changed, 0 archived, 0 as they were; 1 new zones." in first.stdout
    assert (again.json["outcome"], again.json["rates"]["unchanged"]) == ("unchanged", 2)


def test_exchange_rates_come_in_whole(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("Date,USD,GBP,\n2026-04-13,1.1684,much,\n")
    refused = pannier("import", "fx", file, "--json", database_url=database_url)
    file.write_text("Date,USD,GBP,\n2026-04-13,1.1684,0.87,\n")
    done = pannier("import", "fx", file, database_url=database_url)

    assert (refused.code, refused.json["problems"]["listed"][0]["column"]) == (1, "GBP")
    assert (done.code, done.stdout.splitlines()[1]) == (0, "  2 new, 0 changed, 0 as they were.")
    assert pannier("import", "fx", tmp_path / "none.csv", database_url=database_url).code == 1


def test_the_tax_report_of_a_shop_without_orders_is_empty(database_url: str) -> None:
    period = ("--from", "2026-01-01", "--to", "2026-12-31")
    as_json = pannier("report", "tax", *period, "--json", database_url=database_url)
    as_csv = pannier("report", "tax", *period, "--csv", database_url=database_url)
    wrong = pannier("report", "tax", "--from", "tomorrow", "--to", "2026-12-31", database_url=database_url)

    assert (as_json.json["totals"], as_json.json["rows"]) == ([], [])
    assert as_csv.stdout.splitlines() == ["period,currency,zone,category,rate_id,percent,included,orders,base,tax"]
    assert wrong.code == 2


def test_a_file_that_is_called_like_a_word_of_ours_is_still_a_catalogue(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "tax").write_text("Handle,Title,Variant Price\nmug,Mug,9.50\n")
    done = pannier("import", "./tax", "--json", cwd=tmp_path, database_url=database_url)
    assert (done.code, done.json["products"]["created"]) == (0, 1)
