"""What accounts refuse.

PannierError
├── AccountsOffError            the shop has no accounts of its own
├── BadCredentialsError         no such address, or not its password: nobody is told which
├── TooManyAttemptsError        too many wrong passwords for one address
├── WeakPasswordError           the new password is too short, or one that is tried first
├── WrongPasswordError          the password that was asked for again is not right
├── LinkNotValidError           the link of a mail is used, too old, or none of ours
├── SessionOverError            the session was ended, or its refresh token was used before
├── AddressNotFoundError, SessionNotFoundError
└── EmailTakenError             staff named an address that has an account
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class AccountsOffError(PannierError):
    """`PANNIER_ENABLE_ACCOUNTS` is off: sign in at the shop's identity provider and send its token."""

    kind = ErrorKind.not_found
    error = "ACCOUNTS_OFF"
    code = "ACCOUNT_001"
    title = "This shop has no accounts of its own"


class BadCredentialsError(PannierError):
    """The e-mail address or the password is wrong; which of them is not told. Reset the password if in doubt."""

    kind = ErrorKind.unauthenticated
    error = "BAD_CREDENTIALS"
    code = "ACCOUNT_002"
    title = "That e-mail address or password is not right"


class TooManyAttemptsError(PannierError):
    """Too many wrong passwords for this address. Wait `details.retry_after_s` seconds, or reset the password."""

    kind = ErrorKind.rate_limited
    error = "TOO_MANY_ATTEMPTS"
    code = "ACCOUNT_003"
    title = "Too many attempts"


class WeakPasswordError(PannierError):
    """The new password will not do; `detail` says why. Length is what counts: a few words make a good one."""

    kind = ErrorKind.unprocessable
    error = "WEAK_PASSWORD"
    code = "ACCOUNT_004"
    title = "Please choose another password"


class WrongPasswordError(PannierError):
    """The current password is not right, so nothing was changed."""

    kind = ErrorKind.forbidden
    error = "WRONG_PASSWORD"
    code = "ACCOUNT_005"
    title = "The password is not right"


class LinkNotValidError(PannierError):
    """The link was used before, is too old, or never was one of ours. Ask for a new one."""

    kind = ErrorKind.gone
    error = "LINK_NOT_VALID"
    code = "ACCOUNT_006"
    title = "That link is not good any more"


class SessionOverError(PannierError):
    """The session has ended, or this refresh token was used before, which ends it. Sign in again."""

    kind = ErrorKind.unauthenticated
    error = "SESSION_OVER"
    code = "ACCOUNT_007"
    title = "You are signed out"


class SessionNotFoundError(PannierError):
    """You have no such session; it may have ended meanwhile."""

    kind = ErrorKind.not_found
    error = "SESSION_NOT_FOUND"
    code = "ACCOUNT_008"
    title = "There is no such session"


class AddressNotFoundError(PannierError):
    """Your address book has no such address."""

    kind = ErrorKind.not_found
    error = "ADDRESS_NOT_FOUND"
    code = "ACCOUNT_009"
    title = "There is no such address"


class EmailTakenError(PannierError):
    """There is an account with this e-mail address already. Only staff are told so."""

    kind = ErrorKind.conflict
    error = "EMAIL_TAKEN"
    code = "ACCOUNT_010"
    title = "That e-mail address has an account"


class AccountNotFoundError(PannierError):
    """There is no account with this id or e-mail address. Only staff are told so."""

    kind = ErrorKind.not_found
    error = "ACCOUNT_NOT_FOUND"
    code = "ACCOUNT_011"
    title = "There is no such account"


class NotBuiltInError(PannierError):
    """Your identity provider keeps this: password, e-mail address and sessions are changed there."""

    kind = ErrorKind.conflict
    error = "NOT_BUILT_IN"
    code = "ACCOUNT_012"
    title = "Your identity provider keeps this"


class TooManyAddressesError(PannierError):
    """An address book holds `details.maximum` addresses at most. Delete one first."""

    kind = ErrorKind.conflict
    error = "TOO_MANY_ADDRESSES"
    code = "ACCOUNT_013"
    title = "The address book is full"
