"""The OpenAPI 3.1 document: FastAPI's for its routes, and the hot routes described beside them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pannier.app.permissions import access_of, security_of, security_schemes
from pannier.platform.admission import FOR_EVERYBODY, LENIENT
from pannier.platform.hot import HotRoute, Operation
from pannier.platform.origin import SAFE_METHODS, ForeignFormError
from pannier.platform.problems import (
    CONTENT_TYPE,
    PROBLEM_SCHEMA,
    BodyTooLargeError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
    ValidationFailedError,
    problem_responses,
)
from pannier.platform.rate_limits import GroupOf, RateLimitedError
from pannier.platform.tokens.claims import InvalidTokenError

API_PREFIX = "/api/v1"
REF_TEMPLATE = "#/components/schemas/{name}"

_PROBLEM_CONTENT = {CONTENT_TYPE: {"schema": {"$ref": REF_TEMPLATE.format(name="Problem")}}}
# What happens to a body before its route is asked.
_BODY_REFUSALS = problem_responses(
    MalformedJsonError, BodyTooLargeError, UnsupportedMediaTypeError, ValidationFailedError
)
_ANY_PROBLEM = {"description": "A refusal, as problem details (RFC 9457).", "content": _PROBLEM_CONTENT}


def merged_document(
    base: Mapping[str, Any], routes: Sequence[HotRoute], *, cookie_name: str, account_cookie: str = "pannier_account"
) -> dict[str, Any]:
    """`base`, which is FastAPI's own document, with the hot routes, problems and credentials added.

    Raises ValueError when both sides describe one operation, or one schema name differently.
    """
    document = copy.deepcopy(dict(base))
    components = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operation in _operations(document):
        _use_problems(operation["responses"])
    for route in routes:
        describe(document, route.path, route.method, _operation(route, schemas))
    for operation in _operations(document):
        if "requestBody" in operation:
            _add_refusals(operation["responses"], _BODY_REFUSALS)
    schemas["Problem"] = dict(PROBLEM_SCHEMA)
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = security_schemes(cookie_name, account_cookie)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            _add_security(path, method, operation)
    return document


def _add_security(path: str, method: str, operation: dict[str, Any]) -> None:
    """By what one may ask, and how one is refused before the route is: at the edge, see platform/web.py."""
    access = access_of(method, path, API_PREFIX)
    operation["security"] = security_of(access)
    if path.startswith(FOR_EVERYBODY):
        return
    # Also of what is everybody's: a credential that is not good is refused, whatever it is for.
    if not path.startswith(LENIENT):
        _add_refusals(operation["responses"], problem_responses(InvalidTokenError))
    if method.upper() not in SAFE_METHODS:
        _add_refusals(operation["responses"], problem_responses(ForeignFormError))


_LIMIT_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "RateLimit-Policy": {
        "description": "The limits that this request counts for: `q` requests in `w` seconds, for the caller and for "
        "the address (structured field, draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string", "pattern": r'^"[a-z-]+";q=[0-9]+;w=[0-9]+(, "[a-z-]+";q=[0-9]+;w=[0-9]+)?$'},
        "example": '"reads";q=600;w=60, "reads-address";q=6000;w=60',
    },
    "RateLimit": {
        "description": "The limit with least left: `r` requests remain, and it starts over in `t` seconds.",
        "schema": {"type": "string", "pattern": r'^"[a-z-]+";r=[0-9]+;t=[0-9]+$'},
        "example": '"reads";r=599;t=60',
    },
}
_RETRY_AFTER = {"description": "Seconds until the next try.", "schema": {"type": "integer", "minimum": 1}}


def describe_limits(document: dict[str, Any], group_of: GroupOf) -> None:
    """Add the RateLimit fields to every answer of a limited operation, and the refusal (429) beside them."""
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _LIMIT_HEADERS}
    document["components"]["headers"] = {name: dict(header) for name, header in _LIMIT_HEADERS.items()}
    (refusal,) = problem_responses(RateLimitedError).values()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if group_of(method.upper(), path, b"") is None:
                continue
            responses = operation["responses"]
            responses["429"] = {**refusal, "headers": {"Retry-After": _RETRY_AFTER}}
            for status, response in responses.items():
                responses[status] = {**response, "headers": {**response.get("headers", {}), **headers}}


def describe(document: dict[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> None:
    """Add one operation object; ValueError when the document has one for this method and path."""
    item = document["paths"].setdefault(path, {})
    if method.lower() in item:
        raise ValueError(f"{method} {path} is described twice")
    item[method.lower()] = dict(operation)


def add_schemas(schemas: dict[str, Any], types: Sequence[Any]) -> list[dict[str, Any]]:
    """Add the components that msgspec types need; answers a schema for each of the types."""
    references, found = msgspec.json.schema_components(types, ref_template=REF_TEMPLATE)
    for name, schema in found.items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two different schemas are named {name}")
    return list(references)


def _operation(route: HotRoute, schemas: dict[str, Any]) -> dict[str, Any]:
    told: Operation = route.operation
    described: dict[str, Any] = {
        "summary": told.summary,
        "operationId": _operation_id(route),
        "responses": {},
    }
    if told.description:
        described["description"] = told.description
    if told.tags:
        described["tags"] = list(told.tags)
    parameters = [dict(parameter) for parameter in told.parameters]
    if route.parameter is not None:
        name = route.parameter
        parameters.insert(0, {"name": name, "in": "path", "required": True, "schema": {"type": "string"}})
    if parameters:
        described["parameters"] = parameters
    if told.request is not None:
        (schema,) = add_schemas(schemas, [told.request])
        described["requestBody"] = {
            "required": told.is_body_required,
            "content": {"application/json": {"schema": schema}},
        }
    for status, (kind, text) in told.responses.items():
        response: dict[str, Any] = {"description": text}
        if kind is not None:
            # Several are one or another of them.
            found = add_schemas(schemas, kind if isinstance(kind, tuple) else [kind])
            schema = found[0] if len(found) == 1 else {"anyOf": list(found)}
            response["content"] = {told.media_type: {"schema": schema}}
        described["responses"][str(status)] = response
    for status_code, refusal in problem_responses(*told.errors).items():
        described["responses"].setdefault(str(status_code), refusal)
    described["responses"]["default"] = _ANY_PROBLEM
    return described


def _add_refusals(responses: dict[str, Any], refusals: Mapping[int | str, Mapping[str, Any]]) -> None:
    """Add response objects of `problem_responses` beside those there are for the same status."""
    for status, refusal in refusals.items():
        there = responses.get(str(status))
        phrase, _, names = refusal["description"].partition(": ")
        if there is None:
            responses[str(status)] = dict(refusal)
        elif names not in there["description"]:
            head = there["description"] if ": `" in there["description"] else f"{phrase}: `VALIDATION_FAILED`"
            responses[str(status)] = {**there, "description": head if names in head else f"{head}, {names}"}


def _operation_id(route: HotRoute) -> str:
    name: str = getattr(route.handler, "__name__", "")
    return name.removesuffix("_handler") or f"{route.method.lower()}{route.path.replace('/', '_')}"


def _operations(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


def _use_problems(responses: dict[str, Any]) -> None:
    """FastAPI describes its own shape of validation errors, which we never send."""
    for status, response in responses.items():
        if status == "422" and "application/json" in response.get("content", {}):
            response["content"] = _PROBLEM_CONTENT
    responses.setdefault("default", _ANY_PROBLEM)
