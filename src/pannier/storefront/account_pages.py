"""Signing in, registering, forgotten passwords: forms that say the same whether an account is there or not."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from pannier.accounts import (
    AccountService,
    LinkNotValidError,
    WeakPasswordError,
    cookies_of,
    farewell_cookies,
)
from pannier.kernel.errors import PannierError
from pannier.platform.idempotency import is_recorded
from pannier.platform.principal import session_cookie
from pannier.platform.problems import RouteNotFoundError, status_of
from pannier.storefront.checkout_form import Fault
from pannier.storefront.forms import Form, local_path
from pannier.storefront.visit import Flash, Visit


@dataclass(frozen=True, slots=True)
class Control:
    """A control of one of these forms."""

    name: str
    label: str
    kind: str
    autocomplete: str
    hint: str = ""
    length_max: int = 254
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class FormPage:
    """A page that is one form."""

    path: str
    title: str
    text: str
    button: str
    controls: tuple[Control, ...]
    links: tuple[tuple[str, str], ...] = ()


_EMAIL = Control("email", "E-mail", "email", "username")
_PASSWORD = Control("password", "Password", "password", "current-password", length_max=1024)
_NEW_PASSWORD = Control(
    "password", "New password", "password", "new-password", "A few words make a good one.", length_max=128
)
LOGIN = FormPage(
    "/account/login",
    "Sign in",
    "",
    "Sign in",
    (_EMAIL, _PASSWORD),
    (("/account/register", "Open an account"), ("/account/forgot", "Forgotten your password?")),
)
REGISTER = FormPage(
    "/account/register",
    "Open an account",
    "We send a mail to your address; the account is there once you follow its link.",
    "Open an account",
    (Control("name", "Name", "text", "name", length_max=200, is_required=False), _EMAIL, _NEW_PASSWORD),
    (("/account/login", "You have one? Sign in"),),
)
FORGOT = FormPage(
    "/account/forgot",
    "Forgotten password",
    "We send you a link to choose a new one.",
    "Send the link",
    (_EMAIL,),
    (("/account/login", "Back to sign in"),),
)
RESET = FormPage(
    "/account/reset",
    "Choose a new password",
    "Every device is signed out by it.",
    "Save the password",
    (_NEW_PASSWORD,),
)
VERIFY = FormPage(
    "/account/verify",
    "Confirm your e-mail address",
    "With your password, so that nobody else has an account in your name.",
    "Confirm",
    (_PASSWORD,),
    (("/account/register", "It was not you who asked? Open an account of your own"),),
)


async def show_login(visit: Visit) -> Response:
    """The form to sign in."""
    if visit.principal.user_id is not None:
        return visit.redirect("/account")
    return await _page(visit, LOGIN, Form({"back": visit.request.query_params.get("back", "")}, ""))


async def login(visit: Visit) -> Response:
    """Sign this browser in: a new session, a new cart token, nothing of what was there before."""
    form, headers = await visit.form(), visit.request.scope["pannier"].headers
    accounts = visit.service(AccountService)
    _require_accounts(visit)
    try:
        signed_in = await accounts.login(
            form.text("email"),
            form.fields.get("password", ""),
            kind="browser",
            device=visit.principal.device,
            guest_token=visit.principal.cart_token or visit.principal.guest_token,
            replaced=session_cookie(headers, visit.settings.account_cookie_name),
        )
    except PannierError as refusal:
        return await _again(visit, LOGIN, form, refusal)
    response = visit.redirect(local_path(form.text("back"), "/account"), Flash("ok", "You are signed in."))
    for cookie in cookies_of(signed_in, visit.settings, visit.root_path):
        response.headers.append("set-cookie", cookie)
    return response


async def logout(visit: Visit) -> Response:
    """Sign this browser out; its next cart is nobody's yet."""
    await visit.form()
    headers = visit.request.scope["pannier"].headers
    session = session_cookie(headers, visit.settings.account_cookie_name)
    await visit.service(AccountService).logout(visit.principal, session)
    response = visit.redirect("/", Flash("ok", "You are signed out."))
    for cookie in farewell_cookies(visit.settings, visit.root_path):
        response.headers.append("set-cookie", cookie)
    return response


async def show_register(visit: Visit) -> Response:
    """The form to open an account."""
    return await _page(visit, REGISTER)


async def register(visit: Visit) -> Response:
    """Ask for an account."""
    form = await visit.form()
    _require_accounts(visit)
    try:
        await visit.service(AccountService).register(
            form.text("email"), form.fields.get("password", ""), name=form.text("name")[:200]
        )
    except PannierError as refusal:
        return await _again(visit, REGISTER, form, refusal)
    return visit.redirect("/account/login", Flash("ok", "We have sent you a mail. Follow its link, then sign in."))


async def show_forgot(visit: Visit) -> Response:
    """The form for a forgotten password."""
    return await _page(visit, FORGOT)


async def forgot(visit: Visit) -> Response:
    """Ask for a link."""
    form = await visit.form()
    _require_accounts(visit)
    try:
        await visit.service(AccountService).forgot(form.text("email"))
    except PannierError as refusal:
        return await _again(visit, FORGOT, form, refusal)
    text = "If there is an account with this address, a mail with a link is on its way."
    return visit.redirect("/account/login", Flash("ok", text))


async def show_reset(visit: Visit) -> Response:
    """Where the link of a mail leads to."""
    return await _page(visit, RESET, _token_of(visit))


async def reset(visit: Visit) -> Response:
    """Choose the new password."""
    form = await visit.form()
    _require_accounts(visit)
    try:
        await visit.service(AccountService).reset(form.text("token"), form.fields.get("password", ""))
    except LinkNotValidError as refusal:
        return visit.redirect("/account/forgot", Flash("bad", refusal.message))
    except PannierError as refusal:
        return await _again(visit, RESET, form, refusal)
    return visit.redirect("/account/login", Flash("ok", "The password is changed. Sign in with it."))


async def show_verify(visit: Visit) -> Response:
    """Where the link of a mail leads to. It takes a click, since programs that look at mails follow links as well."""
    return await _page(visit, VERIFY, _token_of(visit))


async def verify(visit: Visit) -> Response:
    """Confirm the address."""
    form = await visit.form()
    _require_accounts(visit)
    try:
        await visit.service(AccountService).verify(form.text("token"), form.fields.get("password", ""))
    except LinkNotValidError as refusal:
        return visit.redirect("/account/login", Flash("bad", refusal.message))
    except PannierError as refusal:
        return await _again(visit, VERIFY, form, refusal)
    return visit.redirect("/account/login", Flash("ok", "Your address is confirmed. Sign in with it."))


def _token_of(visit: Visit) -> Form:
    return Form({"token": visit.request.query_params.get("token", "")[:200]}, "")


def _require_accounts(visit: Visit) -> None:
    if not visit.settings.enable_accounts:
        raise RouteNotFoundError("This shop has no accounts of its own.")


async def _again(visit: Visit, page: FormPage, form: Form, refusal: PannierError) -> Response:
    """The form once more, with what is wrong; passwords are never shown again."""
    status = status_of(refusal)
    if not is_recorded(refusal) and status != 429:
        raise refusal
    names = {control.name for control in page.controls}
    field = refusal.field if refusal.field in names else "password" if isinstance(refusal, WeakPasswordError) else ""
    response = await _page(visit, page, form, Fault(field, refusal.message), status=status)
    response.headers.update(refusal.headers if status == 429 else {})
    return response


async def _page(
    visit: Visit, page: FormPage, form: Form | None = None, fault: Fault | None = None, *, status: int = 200
) -> Response:
    _require_accounts(visit)
    form = form or Form({}, "")
    shown = [control.name for control in page.controls if control.kind != "password"]
    response = await visit.page(
        "account_form.html",
        status=status,
        at_cart=True,
        form_page=page,
        values={name: form.text(name) for name in shown},
        hidden={name: form.text(name) for name in ("token", "back") if form.text(name)},
        faults=[fault] if fault else [],
        fault_of={fault.field: fault.message} if fault and fault.field else {},
    )
    # The address of these pages may hold a token, which no other page should hear of.
    response.headers["Referrer-Policy"] = "same-origin" if "token" not in visit.request.query_params else "no-referrer"
    return response
