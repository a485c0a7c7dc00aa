"""Who asks, read from headers alone, and what a role opens."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, Depends

from pannier.kernel.ids import new_cart_token
from pannier.platform.hot import HotRequest, HotResponse
from pannier.platform.principal import (
    ForbiddenError,
    LoginRequiredError,
    Principal,
    PrincipalResolver,
    cart_cookie,
    require_role,
)
from tests.support.web import ADMIN_TOKEN, COOKIE_NAME, EdgeApp, client_of, hot_route

TOKEN = new_cart_token()
OTHER_TOKEN = new_cart_token()
router = APIRouter()


@router.get("/staff", dependencies=[Depends(require_role("staff"))])
async def staff() -> str:
    return "come in"


async def only_staff(request: HotRequest) -> HotResponse:
    request.principal.require("staff")
    return HotResponse(b'"come in"')


def application(admin_token: str | None = ADMIN_TOKEN) -> EdgeApp:
    return EdgeApp([hot_route("GET", "/api/v1/hot-staff", only_staff)], router, admin_token=admin_token)


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({}, ("anonymous", None, "none")),
        ({"cookie": f"{COOKIE_NAME}={TOKEN}"}, ("guest", TOKEN, "cookie")),
        ({"cookie": f"a=b; {COOKIE_NAME}={TOKEN}; c=d"}, ("guest", TOKEN, "cookie")),
        ({"cookie": f"x{COOKIE_NAME}={TOKEN}"}, ("anonymous", None, "none")),
        ({"cookie": f"{COOKIE_NAME}=ct_tooshort"}, ("anonymous", None, "none")),
        ({"cookie": f"{COOKIE_NAME}=; {COOKIE_NAME}={TOKEN}"}, ("guest", TOKEN, "cookie")),
        ({"authorization": f"Bearer {TOKEN}"}, ("guest", TOKEN, "bearer")),
        ({"authorization": f"bearer  {TOKEN}"}, ("guest", TOKEN, "bearer")),
        (
            {"authorization": f"Bearer {TOKEN}", "cookie": f"{COOKIE_NAME}={OTHER_TOKEN}"},
            ("guest", TOKEN, "bearer"),
        ),
        ({"authorization": "Bearer wrong", "cookie": f"{COOKIE_NAME}={TOKEN}"}, ("anonymous", None, "none")),
        ({"authorization": "Basic eA==", "cookie": f"{COOKIE_NAME}={TOKEN}"}, ("guest", TOKEN, "cookie")),
        ({"authorization": f"Bearer {ADMIN_TOKEN}"}, ("admin", None, "none")),
        ({"authorization": f"Bearer {ADMIN_TOKEN[:-1]}"}, ("anonymous", None, "none")),
        ({"authorization": "Bearer \xff"}, ("anonymous", None, "none")),
    ],
)
def test_the_principal_is_read_from_headers(headers: dict[str, str], expected: tuple[str, str | None, str]) -> None:
    resolver = PrincipalResolver(admin_token=ADMIN_TOKEN, cookie_name=COOKIE_NAME)
    found = resolver.resolve({name.encode(): value.encode("latin-1") for name, value in headers.items()})
    assert found is not None
    assert (found.kind, found.cart_token, found.token_source) == expected


def test_a_device_is_what_the_client_calls_itself_shortened() -> None:
    resolver = PrincipalResolver(admin_token=None, cookie_name=COOKIE_NAME)

    def device(headers: dict[bytes, bytes]) -> str | None:
        found = resolver.resolve(headers)
        assert found is not None
        return found.device

    assert device({}) is None
    assert device({b"user-agent": b"a" * 500}) == "a" * 200
    assert device({b"user-agent": b"browser", b"x-device-id": b"phone-1"}) == "phone-1"


@pytest.mark.parametrize("path", ["/api/v1/staff", "/api/v1/hot-staff"])
async def test_staff_routes_open_to_the_staff_token_only(path: str) -> None:
    async with client_of(application()) as client:
        admitted = await client.get(path, headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
        refused = await client.get(path, headers={"authorization": f"Bearer {TOKEN}"})
    assert (admitted.status_code, admitted.json()) == (200, "come in")
    assert (refused.status_code, refused.json()["error"]) == (401, "LOGIN_REQUIRED")
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_an_answer_does_not_tell_whether_there_is_a_staff_token() -> None:
    answers = []
    for token in (ADMIN_TOKEN, None):
        async with client_of(application(admin_token=token)) as client:
            answer = await client.get(
                "/api/v1/staff", headers={"authorization": "Bearer guess", "x-request-id": "same"}
            )
        answers.append((answer.status_code, answer.content, sorted(answer.headers.items())))
    assert answers[0] == answers[1]


def test_a_known_customer_without_the_role_is_forbidden() -> None:
    customer = Principal("customer", frozenset({"customer"}), "u-1")
    with pytest.raises(ForbiddenError):
        customer.require("staff")
    with pytest.raises(LoginRequiredError):
        Principal().require("customer")


@pytest.mark.parametrize(
    "options, expected",
    [
        (
            {"max_age_s": 60, "secure": True, "root_path": "/shop"},
            "; Max-Age=60; Path=/shop; HttpOnly; SameSite=Lax; Secure",
        ),
        ({"max_age_s": None, "secure": False, "root_path": ""}, "; Path=/; HttpOnly; SameSite=Lax"),
    ],
)
def test_the_cart_cookie_is_bound_to_where_the_shop_is_mounted(options: dict[str, Any], expected: str) -> None:
    assert cart_cookie("cart", "ct_x", **options) == f"cart=ct_x{expected}"
