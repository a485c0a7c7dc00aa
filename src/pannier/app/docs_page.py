"""The API's reference as one page without scripts: it works offline and behind any content policy."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from typing import Any

import msgspec

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    ":root{color-scheme:light dark}"
    "code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.5rem;border:1px solid #8884}"
    "summary{cursor:pointer;padding:.25rem 0}b{display:inline-block;min-width:4.5rem}td{padding-right:1rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


def docs_page(document: Mapping[str, Any], *, document_url: str) -> bytes:
    """HTML of an OpenAPI document: every operation, then every schema. `document_url` is linked."""
    title = html.escape(f"{document['info']['title']} {document['info']['version']}")
    operations = "".join(
        _operation(path, method, operation)
        for path, item in sorted(document["paths"].items())
        for method, operation in item.items()
    )
    schemas = "".join(
        f"<details><summary><code>{html.escape(name)}</code></summary>{_json(schema)}</details>"
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f'<h1>{title}</h1><p><a href="{html.escape(document_url)}">OpenAPI document</a></p>'
        f"<h2>Operations</h2>{operations}<h2>Schemas</h2>{schemas}</main></body></html>"
    ).encode()


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rest = {key: operation[key] for key in ("parameters", "requestBody") if key in operation}
    responses = "".join(
        f"<tr><td><code>{html.escape(status)}</code></td><td>{html.escape(response['description'])}</td></tr>"
        for status, response in operation["responses"].items()
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(operation.get('summary', ''))}</summary>"
        f"<p>{html.escape(operation.get('description', ''))}</p>{_json(rest) if rest else ''}"
        f"<table>{responses}</table></details>"
    )


def _json(value: Any) -> str:
    return f"<pre>{html.escape(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())}</pre>"
