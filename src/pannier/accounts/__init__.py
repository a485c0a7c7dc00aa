"""Customers' accounts, their sessions, and what belongs to a person."""

from pannier.accounts.adapters.folder import FolderMail, NoMail
from pannier.accounts.adapters.smtp import SmtpMail
from pannier.accounts.api import cookies_of, farewell_cookies
from pannier.accounts.api import router as auth_router
from pannier.accounts.ended import INTERVAL_S as ENDED_INTERVAL_S
from pannier.accounts.ended import EndedSessions
from pannier.accounts.errors import (
    AccountsOffError,
    BadCredentialsError,
    LinkNotValidError,
    NotBuiltInError,
    TooManyAttemptsError,
    WeakPasswordError,
    WrongPasswordError,
)
from pannier.accounts.mailing import Mailer, base_url
from pannier.accounts.me_api import router as me_router
from pannier.accounts.models import Account, Consent, Letter, SavedAddress, Session, SignedIn
from pannier.accounts.passwords import Passwords
from pannier.accounts.people import PeopleService, claim_erasure, erase
from pannier.accounts.people_repository import email_of
from pannier.accounts.ports import MailNotSentError, MailPort, OnLogin
from pannier.accounts.repository import signing_key
from pannier.accounts.service import AccountService
from pannier.accounts.staff import StaffAccounts

__all__ = [
    "ENDED_INTERVAL_S",
    "Account",
    "AccountService",
    "AccountsOffError",
    "BadCredentialsError",
    "Consent",
    "EndedSessions",
    "FolderMail",
    "Letter",
    "LinkNotValidError",
    "MailNotSentError",
    "MailPort",
    "Mailer",
    "NoMail",
    "NotBuiltInError",
    "OnLogin",
    "Passwords",
    "PeopleService",
    "SavedAddress",
    "Session",
    "SignedIn",
    "SmtpMail",
    "StaffAccounts",
    "TooManyAttemptsError",
    "WeakPasswordError",
    "WrongPasswordError",
    "auth_router",
    "base_url",
    "claim_erasure",
    "cookies_of",
    "email_of",
    "erase",
    "farewell_cookies",
    "me_router",
    "signing_key",
]
