"""Files of 50 MB: in bounded time and memory, with every bad row counted."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from pannier.catalog.shopify.parse import ShopifyFile
from tests.catalog.shopify_files import csv_bytes, row

SIZE = 50_000_000
BAD_EVERY = 10


def block(number: int) -> bytes:
    body = "<p>" + 'Words, "quoted" words\nover lines. ' * 20 + "</p>"
    rows = [
        row(Handle=f"p{number}", Variant_SKU=f"S{number}", Option1_Name="Size", Option1_Value="S")
        | {"Body (HTML)": body},
        {"Handle": f"p{number}", "Option1 Value": "M", "Variant Price": "9.99", "Variant SKU": f"M{number}"},
    ]
    return csv_bytes(rows).partition(b"\r\n")[2]


@pytest.fixture(scope="module")
def good_file() -> Iterator[tuple[BinaryIO, int]]:
    with tempfile.TemporaryFile() as file:
        file.write(csv_bytes([]))
        count = 0
        while file.tell() < SIZE:
            file.write(block(count))
            count += 1
        yield file, count


def test_a_good_file_of_50_mb_is_read_in_a_minute_and_in_little_memory(
    good_file: tuple[BinaryIO, int],
) -> None:
    stream, count = good_file
    began = time.process_time()
    report = ShopifyFile(stream).check()
    assert time.process_time() - began < 60
    assert (report.products, report.variants, report.problems.count) == (count, 2 * count, 0)
    assert report.price_sum_minor == count * (5000 + 999)


def test_memory_is_for_handles_and_skus_and_not_for_the_text() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(csv_bytes([]))
        number = 0
        while file.tell() < SIZE // 10:
            file.write(block(number))
            number += 1
        tracemalloc.start()
        try:
            count = sum(1 for _ in ShopifyFile(file).products())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert count == number
    assert peak < 1_500_000 + 1_000 * number


def test_broken_rows_all_over_a_large_file_are_all_counted() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(csv_bytes([]))
        count = 0
        while file.tell() < SIZE // 5:
            text = block(count)
            file.write(text.replace(b",9.99,", b",nine,") if count % BAD_EVERY == 0 else text)
            count += 1
        report = ShopifyFile(file).check()
    bad = (count + BAD_EVERY - 1) // BAD_EVERY
    assert report.problems.count == bad
    assert len(report.problems.listed) == min(bad, 1_000)
    assert (report.products, len(report.left_out)) == (count - bad, bad)


def test_a_quote_cut_at_the_start_of_a_large_file_does_not_hide_its_last_row() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(csv_bytes([row(Title="cut")]).replace(b",cut,", b',"cut,'))
        number = 0
        while file.tell() < SIZE // 5:
            file.write(block(number))
            number += 1
        file.write(b"short,row\r\n")
        report = ShopifyFile(file).check()
    assert [problem.code for problem in report.problems] == ["text_after_quote", "too_few_cells"]
