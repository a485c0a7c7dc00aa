"""What wishlists refuse.

PannierError
├── WishlistNotFoundError          no such list, or somebody else's
├── WishlistItemNotFoundError      it is not on the list
├── WishlistLimitError             more lists, items or links than the shop lets one have
├── WishlistNameTakenError         another list of the same owner has this name
├── WishlistVersionMismatchError   the list is no longer what If-Match named
├── WishlistShareNotFoundError     the link to a shared list is not good
├── WishlistLoginRequiredError     notices are for customers
└── WishlistUndoError              there is nothing that could be put back
"""

from __future__ import annotations

from pannier.kernel.errors import ErrorKind, PannierError


class WishlistNotFoundError(PannierError):
    """There is no wishlist with this id among yours. `default` names the one that hearts fill, once it is there."""

    kind = ErrorKind.not_found
    error = "WISHLIST_NOT_FOUND"
    code = "WISH_001"
    title = "There is no such wishlist"


class WishlistItemNotFoundError(PannierError):
    """The list has no such item; it may have been taken off on another device."""

    kind = ErrorKind.not_found
    error = "WISHLIST_ITEM_NOT_FOUND"
    code = "WISH_002"
    title = "That is not on the wishlist"


class WishlistLimitError(PannierError):
    """More than the shop allows. `details` has `{limit, maximum}`; take something away first."""

    kind = ErrorKind.conflict
    error = "WISHLIST_LIMIT_EXCEEDED"
    code = "WISH_003"
    title = "That is more than a wishlist may hold"


class WishlistNameTakenError(PannierError):
    """Another of your lists has this name. Choose a different one, or put things on that list."""

    kind = ErrorKind.conflict
    error = "WISHLIST_NAME_TAKEN"
    code = "WISH_004"
    title = "You have a list of this name"


class WishlistVersionMismatchError(PannierError):
    """The list has changed since the version in If-Match. `details` has `{expected, actual}`; look, then repeat."""

    kind = ErrorKind.precondition_failed
    error = "WISHLIST_VERSION_MISMATCH"
    code = "WISH_005"
    title = "The wishlist has changed meanwhile"


class WishlistShareNotFoundError(PannierError):
    """The link was never good, was revoked, or the list is gone. Ask whoever shared it for a new one."""

    kind = ErrorKind.not_found
    error = "WISHLIST_SHARE_NOT_FOUND"
    code = "WISH_006"
    title = "There is no such shared wishlist"


class WishlistLoginRequiredError(PannierError):
    """Notices are sent to customers: sign in to switch them on."""

    kind = ErrorKind.unauthenticated
    error = "WISHLIST_LOGIN_REQUIRED"
    code = "WISH_007"
    title = "Sign in to be told"


class WishlistUndoError(PannierError):
    """What was taken off is not known any more, or is back already."""

    kind = ErrorKind.conflict
    error = "WISHLIST_NOTHING_TO_UNDO"
    code = "WISH_008"
    title = "There is nothing to put back"
