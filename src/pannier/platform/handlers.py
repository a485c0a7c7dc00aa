"""FastAPI's side of problem details: exception handlers that answer in the same shape as the edge."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pannier.kernel.errors import PannierError
from pannier.platform import problems
from pannier.platform.hot import HotRoutes, require_json
from pannier.platform.web import route_path

ExceptionHandler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def exception_handlers(hot: HotRoutes, *, body_bytes_max: int) -> dict[int | type[Exception], ExceptionHandler]:
    """The handlers of one application; `hot` knows the methods of paths that FastAPI knows nothing of."""

    async def refused(request: Request, error: PannierError) -> Response:
        return _response(request, error)

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return _response(request, _refusal_of_validation(request, error))

    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code < 400:
            return Response(status_code=error.status_code, headers=error.headers)
        return _response(request, _refusal_of_http(request, error, hot, body_bytes_max))

    async def unexpected(request: Request, error: Exception) -> Response:
        # Starlette raises it again after this answer; the edge logs it then.
        return _response(request, problems.as_refusal(error, request.scope))

    return {
        PannierError: refused,
        RequestValidationError: invalid,
        HTTPException: http,
        Exception: unexpected,
    }


def _response(request: Request, error: PannierError) -> Response:
    context = request.scope.get("pannier")
    request_id = context.request_id if context is not None else None
    # The composition root puts it there, where an application has pages for people.
    page: problems.ProblemPage | None = getattr(request.app.state, "problem_page", None)
    problem = page(request.scope, error, request_id) if page is not None else None
    if problem is None:
        problem = problems.render(error, instance=request.scope["path"], request_id=request_id)
    return Response(problem.body, problem.status, problem.headers, problem.content_type)


def _refusal_of_validation(request: Request, error: RequestValidationError) -> PannierError:
    faults: list[Mapping[str, Any]] = list(error.errors())
    for fault in faults:
        if fault["type"] == "json_invalid":
            place = fault["loc"][1] if len(fault["loc"]) > 1 else 0
            return problems.MalformedJsonError(f"The body is not valid JSON at character {place}.")
    if any(fault["loc"][:1] == ("body",) for fault in faults) and _has_body(request):
        try:
            require_json(request.headers.get("content-type", "").encode("latin-1"))
        except problems.UnsupportedMediaTypeError as refusal:
            return refusal
    return problems.ValidationFailedError.of(problems.faults_of_pydantic(faults))


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _methods_of(request: Request, path: str) -> set[str]:
    """The methods that the path answers to among the routes of FastAPI."""
    return {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.methods is not None and route.path_regex.match(path)
        for method in route.methods
    }


def _refusal_of_http(request: Request, error: HTTPException, hot: HotRoutes, body_bytes_max: int) -> PannierError:
    headers = dict(error.headers or {})
    if (error.status_code in {404, 405} and "endpoint" not in request.scope) or error.status_code == 405:
        # FastAPI's own Allow names the methods of the first route of the path only.
        headers.pop("Allow", None)
        path = route_path(request.scope)
        allowed = hot.methods_of(path) | _methods_of(request, path)
        if allowed:
            names = ", ".join(sorted(allowed))
            return problems.MethodNotAllowedError(
                f"{request.method} is not taken here; {names} are.", headers={**headers, "Allow": names}
            )
        return problems.RouteNotFoundError("Nothing answers at this address.", headers=headers)
    if error.status_code == 413:
        return problems.BodyTooLargeError(
            f"The body may have {body_bytes_max} bytes at most.",
            details={"limit_bytes": body_bytes_max},
            headers={**headers, "Connection": "close"},
        )
    if isinstance(error.__cause__, json.JSONDecodeError | UnicodeDecodeError | RecursionError | ValueError):
        return problems.MalformedJsonError("The body is not valid JSON.")
    refusal = problems.HttpError(str(error.detail), headers=headers)
    refusal.status = error.status_code
    return refusal
