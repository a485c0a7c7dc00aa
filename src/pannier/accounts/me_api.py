"""What belongs to whoever is signed in: `/me`."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from pannier.accounts import schemas
from pannier.accounts.errors import (
    AddressNotFoundError,
    NotBuiltInError,
    SessionNotFoundError,
    TooManyAddressesError,
    TooManyAttemptsError,
    WeakPasswordError,
    WrongPasswordError,
)
from pannier.accounts.people import PeopleService
from pannier.accounts.service import AccountService
from pannier.kernel.ids import uuid7
from pannier.platform.database import Connection, Database
from pannier.platform.hot import service_of
from pannier.platform.idempotency import (
    Answer,
    IdempotencyConflictError,
    IdempotencyInFlightError,
    KeyHeader,
    key_of,
    once,
    replay_headers,
)
from pannier.platform.principal import LoginRequiredError, Principal, require_user
from pannier.platform.problems import ValidationFailedError, problem_responses

Accounts = Annotated[AccountService, Depends(service_of(AccountService))]
People = Annotated[PeopleService, Depends(service_of(PeopleService))]
User = Annotated[Principal, Depends(require_user)]
_READ = problem_responses(LoginRequiredError)
_BUILT_IN = problem_responses(LoginRequiredError, NotBuiltInError)
_CONFIRM = problem_responses(
    LoginRequiredError,
    NotBuiltInError,
    WrongPasswordError,
    TooManyAttemptsError,
    WeakPasswordError,
    ValidationFailedError,
)

router = APIRouter(prefix="/me", tags=["me"])


@router.get("", response_model=schemas.MeDocument, responses=_READ)
async def get_me(user: User, accounts: Accounts, people: People) -> schemas.MeDocument:
    """Who you are here."""
    erasure = await people.erasure(user_id_of(user))
    try:
        return schemas.show_me(await accounts.me(user), erasure)
    except NotBuiltInError:
        role = "admin" if "admin" in user.roles else "staff" if "staff" in user.roles else "customer"
        return schemas.MeDocument(
            user_id=user_id_of(user),
            email=None,
            name=None,
            role=role,
            created_at=None,
            erasure=schemas.show_erasure(erasure),
        )


@router.patch("", response_model=schemas.MeDocument, responses=_BUILT_IN)
async def change_me(body: schemas.ChangeMe, user: User, accounts: Accounts, people: People) -> schemas.MeDocument:
    """Change how you are called."""
    account = await accounts.rename(user, body.name or "")
    return schemas.show_me(account, await people.erasure(user_id_of(user)))


@router.post("/password", status_code=204, responses=_CONFIRM)
async def change_password(body: schemas.ChangePassword, user: User, accounts: Accounts) -> Response:
    """Change the password; every other device is signed out."""
    await accounts.change_password(user, body.password, body.new_password)
    return Response(status_code=204)


@router.post("/email", status_code=202, response_model=schemas.Told, responses=_CONFIRM)
async def change_email(body: schemas.ChangeEmail, user: User, accounts: Accounts) -> schemas.Told:
    """Change the e-mail address: it counts once the link in the mail is followed."""
    await accounts.change_email(user, body.password, body.email)
    return schemas.Told(detail="We have sent a mail to the new address. Follow its link.")


@router.get("/sessions", response_model=schemas.SessionList, responses=_BUILT_IN)
async def list_sessions(user: User, accounts: Accounts) -> schemas.SessionList:
    """The devices on which you are signed in."""
    found = await accounts.sessions(user)
    return schemas.SessionList(sessions=[schemas.show_session(session, user.session_id) for session in found])


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    responses=problem_responses(LoginRequiredError, NotBuiltInError, SessionNotFoundError),
)
async def end_session(session_id: uuid.UUID, user: User, accounts: Accounts) -> Response:
    """Sign one device out."""
    await accounts.sign_out(user, session_id)
    return Response(status_code=204)


@router.delete("/sessions", response_model=schemas.Ended, responses=_BUILT_IN)
async def end_sessions(user: User, accounts: Accounts, others_only: bool = False) -> schemas.Ended:
    """Sign every device out, or every other one."""
    return schemas.Ended(ended=await accounts.sign_out_everywhere(user, but_here=others_only))


@router.get("/addresses", response_model=schemas.AddressList, responses=_READ)
async def list_addresses(user: User, people: People) -> schemas.AddressList:
    """Your address book."""
    book = await people.addresses(user_id_of(user))
    return schemas.AddressList(addresses=[schemas.show_address(saved) for saved in book])


@router.post(
    "/addresses",
    status_code=201,
    response_model=schemas.AddressDocument,
    responses=problem_responses(
        LoginRequiredError,
        TooManyAddressesError,
        IdempotencyConflictError,
        IdempotencyInFlightError,
        ValidationFailedError,
    ),
)
async def add_address(
    body: schemas.SaveAddress,
    request: Request,
    user: User,
    people: People,
    db: Annotated[Database, Depends(service_of(Database))],
    key: KeyHeader = None,
) -> Response:
    """Add an address; the first one is the default."""
    wanted = key_of(user, key, method="POST", target=request.scope["path"], body=await request.body())

    async def command(connection: Connection) -> Answer:
        data = body.address.model_dump(exclude_none=True)
        saved = await people.save_within(
            connection, user_id_of(user), uuid7(), body.label, data, is_new=True, is_default=body.is_default
        )
        return Answer(schemas.show_address(saved).model_dump_json().encode(), 201)

    answer = await once(db, wanted, command)
    return Response(answer.body, answer.status, replay_headers(answer), "application/json")


@router.put(
    "/addresses/{address_id}",
    response_model=schemas.AddressDocument,
    responses=problem_responses(LoginRequiredError, AddressNotFoundError, ValidationFailedError),
)
async def change_address(
    address_id: uuid.UUID, body: schemas.SaveAddress, user: User, people: People
) -> schemas.AddressDocument:
    """Change an address."""
    saved = await people.save_address(
        user_id_of(user),
        body.label,
        body.address.model_dump(exclude_none=True),
        address_id=address_id,
        is_default=body.is_default,
    )
    return schemas.show_address(saved)


@router.delete(
    "/addresses/{address_id}",
    status_code=204,
    responses=problem_responses(LoginRequiredError, AddressNotFoundError),
)
async def delete_address(address_id: uuid.UUID, user: User, people: People) -> Response:
    """Take an address out of the book. Orders keep theirs."""
    await people.delete_address(user_id_of(user), address_id)
    return Response(status_code=204)


@router.get("/preferences", response_model=schemas.PreferencesDocument, responses=_READ)
async def get_preferences(user: User, people: People) -> schemas.PreferencesDocument:
    """What you prefer."""
    return schemas.PreferencesDocument(preferences=dict(await people.preferences(user_id_of(user))))


@router.patch("/preferences", response_model=schemas.PreferencesDocument, responses=_READ)
async def change_preferences(
    body: schemas.ChangePreferences, user: User, people: People
) -> schemas.PreferencesDocument:
    """Change some of it; null takes one away."""
    return schemas.PreferencesDocument(preferences=dict(await people.prefer(user_id_of(user), body.preferences)))


@router.get("/consents", response_model=schemas.ConsentList, responses=_READ)
async def list_consents(user: User, people: People) -> schemas.ConsentList:
    """What you agreed to, and what not."""
    found = await people.consents(user_id_of(user))
    return schemas.ConsentList(consents=[schemas.show_consent(consent) for consent in found])


@router.put("/consents/{kind}", response_model=schemas.ConsentDocument, responses=_READ)
async def give_consent(
    kind: schemas.Kind, body: schemas.GiveConsent, user: User, people: People
) -> schemas.ConsentDocument:
    """Agree to something, or take it back: kept with its moment and the version of the text."""
    said = await people.consent(user_id_of(user), kind, body.text_version, is_granted=body.granted, device=user.device)
    return schemas.show_consent(said)


@router.post("/erase", status_code=202, response_model=schemas.ErasureDocument, responses=_CONFIRM)
async def erase_me(
    user: User, accounts: Accounts, people: People, body: schemas.EraseMe | None = None
) -> schemas.ErasureDocument:
    """Ask to be erased. It happens after some days, in which you can take it back."""
    email = None
    if user.session_id is not None:
        email = (await accounts.confirm_password(user, (body and body.password) or "")).email
    erasure = schemas.show_erasure(await people.ask_erasure(user_id_of(user), email))
    assert erasure is not None
    return erasure


@router.delete("/erase", status_code=204, responses=_READ)
async def keep_me(user: User, people: People) -> Response:
    """Stay after all."""
    await people.undo_erasure(user_id_of(user))
    return Response(status_code=204)


def user_id_of(user: Principal) -> str:
    """The id of somebody whom `require_user` has admitted."""
    assert user.user_id is not None
    return user.user_id
