"""The texts of the mails."""

from __future__ import annotations

from pannier.accounts.models import Letter, Mail

_VERIFY = """Hello,

somebody, most likely you, opened an account at {shop} with this e-mail address.
Confirm the address to be able to sign in, with the password that you chose:

{link}

The link is good for {hours} hours. If it was not you, do nothing: without link and password there is no account.
"""
_KNOWN = """Hello,

somebody, most likely you, tried to open an account at {shop} with this e-mail address.
You have one already: sign in with it. If you have forgotten the password, ask for a new one:

{page}

If it was not you, you need not do anything.
"""
_RESET = """Hello,

somebody, most likely you, asked for a new password at {shop}. Choose it here:

{link}

The link is good for {minutes} minutes and once. If it was not you, do nothing: your password stays as it is.
"""
_EMAIL = """Hello,

confirm that this is your new e-mail address at {shop}, with your password:

{link}

The link is good for {hours} hours. If you did not ask for it, do nothing.
"""
_EMAIL_CHANGED = """Hello,

your account at {shop} has another e-mail address from now on, and mails go there.
If it was not you who changed it, write to the shop at once.
"""
_CHANGED = """Hello,

the password of your account at {shop} was changed, and every other device was signed out.
If it was not you, ask for a new password at once:

{page}
"""
_ERASING = """Hello,

your account at {shop} will be erased, as you asked. Until then you can take that back:
sign in and open "Privacy" in your account.
"""


def letter_of(mail: Mail, *, shop: str, base_url: str, link_token: str | None, link_h: float, reset_m: float) -> Letter:
    """What is sent for a mail that is due. A `verify` without a link is one to an address that has an account.

    Nothing that a stranger wrote into a form stands in it: the shop must not carry their messages.
    """
    pages = {"verify": "/account/verify", "reset": "/account/reset", "email": "/account/verify"}
    # Behind `#` a token would stay out of the servers' logs, but then no page without script could read it.
    link = f"{base_url}{pages.get(mail.kind, '')}?token={link_token}"
    values = {
        "shop": shop,
        "link": link,
        "page": f"{base_url}/account/forgot",
        "hours": f"{link_h:g}",
        "minutes": f"{reset_m:g}",
    }
    subject, text = {
        "verify": (f"Confirm your e-mail address at {shop}", _VERIFY)
        if link_token
        else (f"Your account at {shop}", _KNOWN),
        "reset": (f"A new password at {shop}", _RESET),
        "email": (f"Confirm your new e-mail address at {shop}", _EMAIL),
        "email_changed": (f"Your e-mail address at {shop} was changed", _EMAIL_CHANGED),
        "password_changed": (f"Your password at {shop} was changed", _CHANGED),
        "erasing": (f"Your account at {shop} will be erased", _ERASING),
    }[mail.kind]
    return Letter(mail.email, subject, text.format(**values))
