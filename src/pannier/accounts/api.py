"""Signing in and out: `/auth`. Answers hold secrets, so none of them is kept for an Idempotency-Key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from pannier.accounts import schemas
from pannier.accounts.errors import (
    AccountsOffError,
    BadCredentialsError,
    LinkNotValidError,
    SessionOverError,
    TooManyAttemptsError,
    WeakPasswordError,
    WrongPasswordError,
)
from pannier.accounts.models import SignedIn
from pannier.accounts.service import AccountService
from pannier.kernel.ids import new_cart_token
from pannier.platform.hot import RequestContext, service_of
from pannier.platform.origin import check_form
from pannier.platform.principal import Principal, account_cookies, cart_cookie, principal_of, session_cookie
from pannier.platform.problems import ValidationFailedError, problem_responses
from pannier.platform.settings import Settings

_LOOKS_KNOWN = "We have sent a mail to this address. Follow its link."


async def _settings(shop: Annotated[Settings, Depends(service_of(Settings))]) -> Settings:
    if not shop.enable_accounts:
        raise AccountsOffError("This shop has no accounts of its own. Sign in at its identity provider.")
    return shop


Shop = Annotated[Settings, Depends(_settings)]
Accounts = Annotated[AccountService, Depends(service_of(AccountService))]
Asker = Annotated[Principal, Depends(principal_of)]

router = APIRouter(prefix="/auth", tags=["auth"], dependencies=[Depends(_settings)])


@router.post(
    "/register",
    status_code=202,
    response_model=schemas.Told,
    responses=problem_responses(AccountsOffError, WeakPasswordError, ValidationFailedError),
)
async def register(body: schemas.Register, accounts: Accounts) -> schemas.Told:
    """Ask for an account; it is there once the link in the mail is followed. Known addresses get another mail."""
    await accounts.register(body.email, body.password, name=body.name or "")
    return schemas.Told(detail=_LOOKS_KNOWN)


@router.post(
    "/verify",
    response_model=schemas.Told,
    responses=problem_responses(
        AccountsOffError, LinkNotValidError, WrongPasswordError, TooManyAttemptsError, ValidationFailedError
    ),
)
async def verify_email(body: schemas.Verify, accounts: Accounts) -> schemas.Told:
    """Confirm an e-mail address by the token of a mail's link, and the password of whoever asked for it."""
    await accounts.verify(body.token, body.password)
    return schemas.Told(detail="The e-mail address is confirmed. Sign in with it.")


@router.post(
    "/login",
    response_model=schemas.SignedInDocument,
    responses=problem_responses(AccountsOffError, BadCredentialsError, TooManyAttemptsError, ValidationFailedError),
)
async def login(
    body: schemas.Login, request: Request, response: Response, accounts: Accounts, shop: Shop, asker: Asker
) -> schemas.SignedInDocument:
    """Sign in. The guest's cart comes along: send its token as usual. Its token is another one from then on."""
    context: RequestContext = request.scope["pannier"]
    is_cookie = body.session == "cookie"
    if is_cookie:
        # A foreign page must not sign a browser in either: what is then bought would be in somebody else's name.
        check_form("POST", context.headers)
    signed_in = await accounts.login(
        body.email,
        body.password,
        kind="browser" if is_cookie else "api",
        device=asker.device,
        guest_token=asker.cart_token or asker.guest_token,
        replaced=session_cookie(context.headers, shop.account_cookie_name) if is_cookie else None,
    )
    if is_cookie:
        for cookie in cookies_of(signed_in, shop, context.root_path):
            response.headers.append("set-cookie", cookie)
    return schemas.show_signed_in(signed_in, is_cookie=is_cookie)


@router.post(
    "/refresh",
    response_model=schemas.SignedInDocument,
    responses=problem_responses(AccountsOffError, SessionOverError, ValidationFailedError),
)
async def refresh(body: schemas.Refresh, accounts: Accounts) -> schemas.SignedInDocument:
    """Exchange the refresh token for the next one. One that comes a second time ends its session for everybody."""
    return schemas.show_signed_in(await accounts.refresh(body.refresh_token), is_cookie=False)


@router.post("/logout", status_code=204, responses=problem_responses(AccountsOffError, ValidationFailedError))
async def logout(
    request: Request, accounts: Accounts, shop: Shop, asker: Asker, body: schemas.Logout | None = None
) -> Response:
    """End this session. A browser gets a cart token that nobody has seen; doing it twice changes nothing."""
    context: RequestContext = request.scope["pannier"]
    cookie = session_cookie(context.headers, shop.account_cookie_name)
    await accounts.logout(asker, cookie if body is None or body.refresh_token is None else body.refresh_token)
    response = Response(status_code=204)
    if b"cookie" in context.headers:
        for value in farewell_cookies(shop, context.root_path):
            response.headers.append("set-cookie", value)
    return response


@router.post(
    "/password/forgot",
    status_code=202,
    response_model=schemas.Told,
    responses=problem_responses(AccountsOffError, ValidationFailedError),
)
async def forgot_password(body: schemas.Forgot, accounts: Accounts) -> schemas.Told:
    """Ask for a link to choose a new password. The answer is the same whether there is such an account or not."""
    await accounts.forgot(body.email)
    return schemas.Told(detail="If there is an account with this address, a mail with a link is on its way.")


@router.post(
    "/password/reset",
    response_model=schemas.Told,
    responses=problem_responses(AccountsOffError, LinkNotValidError, WeakPasswordError, ValidationFailedError),
)
async def reset_password(body: schemas.Reset, accounts: Accounts) -> schemas.Told:
    """Choose a new password by the token of a mail's link. Every device is signed out."""
    await accounts.reset(body.token, body.password)
    return schemas.Told(detail="The password is changed. Sign in with it.")


def cookies_of(signed_in: SignedIn, shop: Settings, root_path: str) -> list[str]:
    """What a browser is given that signs in: its session, and a cart token that was never planted."""
    values = account_cookies(
        shop.account_cookie_name,
        (signed_in.session_token, signed_in.session_ttl_s),
        (signed_in.access_token, signed_in.access_ttl_s),
        secure=shop.cart_cookie_secure,
        root_path=root_path,
    )
    return [*values, guest_cookie(shop, signed_in.guest_token or new_cart_token(), root_path)]


def farewell_cookies(shop: Settings, root_path: str) -> list[str]:
    """What a browser is given that signs out: no session, and a cart token that is nobody's yet."""
    values = account_cookies(
        shop.account_cookie_name, ("", 0), ("", 0), secure=shop.cart_cookie_secure, root_path=root_path
    )
    return [*values, guest_cookie(shop, new_cart_token(), root_path)]


def guest_cookie(shop: Settings, token: str, root_path: str) -> str:
    """The cookie of a guest's cart."""
    days = shop.cart_session_ttl_days
    return cart_cookie(
        shop.cart_cookie_name,
        token,
        max_age_s=int(days * 86_400) if days else 400 * 86_400,
        secure=shop.cart_cookie_secure,
        root_path=root_path,
    )
