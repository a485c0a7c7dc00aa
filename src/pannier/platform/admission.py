"""Who is let in at the edge: a bad credential is told so, and no other site acts in a user's name."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from pannier.platform.cors import Cors
from pannier.platform.origin import check_form
from pannier.platform.principal import Principal, PrincipalResolver

#: Where a bad credential is passed over: where one gets a new one, and where it makes no difference.
LENIENT = (
    "/api/v1/auth/",
    "/api/v1/products",
    "/api/v1/inventory/check",
    "/api/v1/openapi.json",
    "/api/v1/docs",
    "/health/",
    "/metrics",
)

#: Where everybody gets the same: no session is looked up, so that a proxy's question whether we live needs no
#: database, and none is renewed, so that no cache comes by a cookie.
FOR_EVERYBODY = ("/a/", "/pictures/", "/health/live", "/health/ready", "/metrics")


async def identify(
    resolver: PrincipalResolver,
    scope: Scope,
    path: str,
    headers: Mapping[bytes, bytes],
    principal: Principal | None,
    cookies: list[tuple[bytes, bytes]],
) -> Principal:
    """Who asks, where headers alone do not tell; those of a session that was renewed are put to the `cookies`."""
    if principal is not None:
        return principal
    if path.startswith(FOR_EVERYBODY):
        return Principal()
    asked = await resolver.ask(headers, scope.get("root_path", ""))
    cookies += [(b"set-cookie", cookie.encode()) for cookie in asked.cookies]
    return asked.principal


def admit(method: str, path: str, headers: Mapping[bytes, bytes], principal: Principal, cors: Cors | None) -> None:
    """Refuse a credential that is not good, and a change that another site's page asks for in a user's name.

    A bad one is refused and not passed over, or a customer whose token has run out would fill a guest's cart. Sites
    whose scripts the settings let in may use the API in a user's name too.
    """
    if principal.credential == "cookie":
        if cors is None or not cors.is_listed(path, headers):
            check_form(method, headers)
    elif principal.fault is not None and not path.startswith(LENIENT):
        raise principal.fault
