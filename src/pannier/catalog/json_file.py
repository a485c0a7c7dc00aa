"""Pannier's own catalogue file: JSON, one product per line, everything the shop knows of a product in one currency.

    {"format": "pannier-catalogue", "version": 1, "currency": "USD", "columns": ["Handle", ...], "products": [
    {"handle": "lamp", "name": "Lamp", "variants": [{"options": [], "price_minor": 5000, ...}], "rows": [...], ...},
    ...
    ]}

`rows` and `columns` are the untouched cells of the file that brought a product, so that a Shopify file which went
through JSON still comes out cell for cell. The layout in lines is ours; a file in any other layout is read as well.
"""

from __future__ import annotations

import codecs
import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, BinaryIO

import msgspec

from pannier.catalog.models import Status
from pannier.catalog.shopify.build import HANDLE_LENGTH_MAX, NAME_LENGTH_MAX, OPTIONS_BYTES_MAX, SKU_LENGTH_MAX
from pannier.catalog.shopify.cells import GRAMS_MAX, QUANTITY_MAX
from pannier.catalog.shopify.models import (
    FileImage,
    FileProduct,
    FileRow,
    FileVariant,
    ImportOptions,
    Phase,
    Progress,
    ProgressCallback,
    Report,
)
from pannier.catalog.shopify.sniff import HEAD_BYTES, not_text
from pannier.kernel.findings import Finding, Findings, excerpt
from pannier.kernel.money import AMOUNT_MAX
from pannier.platform.validation import faults_of

FORMAT = "pannier-catalogue"
VERSION = 1
_PROGRESS_PRODUCTS = 1_000
_SPACE = re.compile(r"[ \t\r\n]*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Minor = Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)]


class _Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(min_length=1)]
    alt: str = ""


class _Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price_minor: Minor
    options: list[tuple[str, str]] = []
    compare_at_minor: Minor | None = None
    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=SKU_LENGTH_MAX)] | None = None
    barcode: str | None = None
    weight_g: Annotated[int, msgspec.Meta(ge=0, le=GRAMS_MAX)] | None = None
    image_url: str | None = None
    requires_shipping: bool = True
    is_taxable: bool = True
    is_tracked: bool = True
    quantity: Annotated[int, msgspec.Meta(ge=-QUANTITY_MAX, le=QUANTITY_MAX)] | None = None
    backorder_max: Annotated[int, msgspec.Meta(ge=0, le=QUANTITY_MAX)] | None = 0
    row: Annotated[int, msgspec.Meta(ge=0)] | None = None
    was_tracked: bool | None = None


class _Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    handle: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=HANDLE_LENGTH_MAX)]
    name: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=NAME_LENGTH_MAX)]
    variants: Annotated[list[_Variant], msgspec.Meta(min_length=1)]
    description: str = ""
    summary: Annotated[str, msgspec.Meta(max_length=400)] = ""
    vendor: str = ""
    product_type: str = ""
    tags: list[str] = []
    status: Status = "active"
    is_published: bool = True
    images: list[_Image] = []
    rows: list[dict[str, str]] = []


def encode_head(columns: Sequence[str], currency: str) -> bytes:
    """What stands before the first product."""
    head = {"format": FORMAT, "version": VERSION, "currency": currency, "columns": list(columns)}
    return msgspec.json.encode(head)[:-1] + b',"products":[\n'


def encode_product(product: FileProduct, columns: Sequence[str]) -> bytes:
    """One product's line, without comma and line feed. Cells stand in the order of the columns."""
    document = to_document(product)
    document["rows"] = [
        {name: row.cells[name] for name in dict.fromkeys((*columns, *sorted(row.cells))) if name in row.cells}
        for row in product.rows
    ]
    return msgspec.json.encode(document)


ENCODED_END = b"\n]}\n"


def to_document(product: FileProduct) -> dict[str, Any]:
    """The product's values as plain data, without its rows."""
    return {
        "handle": product.handle,
        "name": product.name,
        "description": product.description,
        "summary": product.summary,
        "vendor": product.vendor,
        "product_type": product.product_type,
        "tags": list(product.tags),
        "status": product.status,
        "is_published": product.is_published,
        "images": [{"url": image.url, "alt": image.alt} for image in product.images],
        "variants": [
            {name: getattr(variant, name) for name in _Variant.__struct_fields__ if name != "options"}
            | {"options": [list(pair) for pair in variant.options]}
            for variant in product.variants
        ],
    }


def from_document(document: Mapping[str, Any]) -> FileProduct:
    """The product of such data. Raises msgspec.ValidationError."""
    return _product_of(msgspec.convert(document, _Product))


def _product_of(found: _Product) -> FileProduct:
    values = {name: getattr(found, name) for name in _Product.__struct_fields__}
    variants = tuple(
        FileVariant(
            **{name: getattr(variant, name) for name in _Variant.__struct_fields__ if name != "options"},
            options=tuple(variant.options),
        )
        for variant in found.variants
    )
    images = tuple(FileImage(image.url, image.alt) for image in found.images)
    rows = tuple(FileRow(cells) for cells in found.rows)
    return FileProduct(**(values | {"variants": variants, "images": images, "rows": rows, "tags": tuple(found.tags)}))


class JsonFile:
    """One such file in a seekable binary stream. Its text is kept in memory, its products are not."""

    def __init__(
        self, stream: BinaryIO, options: ImportOptions | None = None, on_progress: ProgressCallback | None = None
    ) -> None:
        self._stream = stream
        self._options = options or ImportOptions()
        self._on_progress = on_progress
        self._bytes_total = stream.seek(0, io.SEEK_END)
        self._report: Report | None = None
        self._text = ""
        self._first = 0

    def check(self) -> Report:
        """Read the whole file and say what it holds."""
        if self._report is None:
            listed_max = self._options.listed_max
            self._report = Report(problems=Findings(listed_max), warnings=Findings(listed_max))
            try:
                self._read_text()
                self._read_head(self._report)
                for _ in self._each("check", self._report):
                    pass
            except _UnreadableError as error:
                self._report.problems.add(error.finding)
                self._report.is_readable = False
        return self._report

    def products(self) -> Iterator[FileProduct]:
        """The products without a problem, in the order of the file."""
        report = self.check()
        if report.is_readable:
            judged = Report(problems=Findings(0), warnings=Findings(0))
            yield from (product for product in self._each("read", judged) if product.handle not in report.left_out)

    def _read_text(self) -> None:
        if self._bytes_total > self._options.bytes_max:
            size, allowed = f"{self._bytes_total:,}", f"{self._options.bytes_max:,}"
            raise _UnreadableError(1, "too_large", f"the file has {size} bytes; imports take {allowed}")
        self._stream.seek(0)
        data = self._stream.read()
        kind = not_text(data[:HEAD_BYTES])
        if kind is not None:
            raise _UnreadableError(1, "not_json", f"the file is {kind}")
        try:
            self._text = data.removeprefix(codecs.BOM_UTF8).decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            reason = f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8"
            raise _UnreadableError(line, "encoding", reason) from None

    def _read_head(self, report: Report) -> None:
        """Read the members before `products`, and find where those begin."""
        place, head = self._expect(0, "{"), dict[str, Any]()
        while True:
            name, place = self._decode(place)
            place = self._expect(place, ":")
            if name == "products":
                break
            head[str(name)], place = self._decode(place)
            place = self._expect(place, ",")
        self._first = self._expect(place, "[")
        if head.get("format") != FORMAT or head.get("version") != VERSION:
            raise _UnreadableError(1, "not_catalogue", f"this is no {FORMAT} file of version {VERSION}")
        if head.get("currency") != self._options.currency:
            reason = f"the file's prices are in {head.get('currency')}, the import is in {self._options.currency}"
            raise _UnreadableError(1, "other_currency", reason)
        columns = head.get("columns", [])
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise _UnreadableError(1, "bad_columns", "columns is not a list of names")
        report.columns = tuple(columns)

    def _each(self, phase: Phase, report: Report) -> Iterator[FileProduct]:
        place = self._skip(self._first)
        line = self._text.count("\n", 0, place) + 1
        handles: dict[str, int] = {}
        count = 0
        while self._text[place : place + 1] != "]":
            _, end = self._decode(place)
            product = self._judge(self._text[place:end], line, count, handles, report)
            if product is not None:
                report.count_product(product)
                yield product
            count += 1
            if count % _PROGRESS_PRODUCTS == 0:
                self._tell(phase, count, end)
            after = self._skip(end)
            if self._text[after : after + 1] == ",":
                after = self._skip(after + 1)
            elif self._text[after : after + 1] != "]":
                raise self._broken(after, "a comma or the end of the list is missing")
            line += self._text.count("\n", place, after)
            place = after
        report.rows = count
        self._expect(place + 1, "}")
        self._tell(phase, count, len(self._text))

    def _judge(
        self, text: str, line: int, position: int, handles: dict[str, int], report: Report
    ) -> FileProduct | None:
        encoded = text.encode("utf-8", "surrogatepass")
        try:
            found = msgspec.json.decode(encoded, type=_Product)
        except msgspec.ValidationError as error:
            faults = faults_of(encoded, _Product, error)
            handle = json.loads(text).get("handle") if text.startswith("{") else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            faults, handle = [("", "it holds what cannot be stored: NaN or half a surrogate pair")], None
        else:
            handle = found.handle
            faults = list(_faults(found))
            earlier = handles.setdefault(handle, line)
            if earlier != line:
                faults.append(("handle", f"the product stands on line {earlier} too"))
            if not faults:
                product = _product_of(found)
                return dataclasses.replace(product, said=to_document(product), position=position, line=line)
        for place, reason in faults:
            report.problems.add(Finding(line, place or None, "bad_value", reason, handle))
        if isinstance(handle, str):
            report.left_out.add(handle)
        return None

    def _decode(self, place: int) -> tuple[Any, int]:
        try:
            return _DECODER.raw_decode(self._text, self._skip(place))
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, error.msg) from None
        except RecursionError:
            raise self._broken(place, "it is nested too deeply") from None

    def _expect(self, place: int, mark: str) -> int:
        place = self._skip(place)
        if self._text[place : place + 1] != mark:
            raise self._broken(place, f"{mark!r} is missing; the file may be cut")
        return self._skip(place + 1)

    def _skip(self, place: int) -> int:
        found = _SPACE.match(self._text, place)
        return found.end() if found else place

    def _broken(self, place: int, reason: str) -> _UnreadableError:
        return _UnreadableError(self._text.count("\n", 0, place) + 1, "not_json", f"this is not valid JSON: {reason}")

    def _tell(self, phase: Phase, count: int, place: int) -> None:
        if self._on_progress is not None:
            done = self._bytes_total * place // max(1, len(self._text))
            self._on_progress(Progress(phase, count, done, self._bytes_total))


class _UnreadableError(Exception):
    def __init__(self, line: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.finding = Finding(line, None, code, reason)


_DECODER = json.JSONDecoder()


def _faults(found: _Product) -> Iterator[tuple[str, str]]:
    """What the types do not say."""
    seen: set[tuple[tuple[str, str], ...]] = set()
    for number, variant in enumerate(found.variants):
        place = f"variants.{number}"
        options = tuple(variant.options)
        if options in seen:
            yield f"{place}.options", "the product has this variant already"
        seen.add(options)
        if sum(len(text.encode()) for pair in options for text in pair) > OPTIONS_BYTES_MAX:
            yield f"{place}.options", f"they take more than {OPTIONS_BYTES_MAX:,} bytes"
        if variant.row is not None and variant.row >= len(found.rows):
            yield f"{place}.row", "there is no such row"
    texts = msgspec.to_builtins(found)
    for name, value in texts.items():
        bad = next((text for text in _texts(value) if _UNSTORABLE.search(text)), None)
        if bad is not None:
            yield name, f"{excerpt(bad)} holds a character that cannot be stored"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield name
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
