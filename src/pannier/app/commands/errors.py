"""What the command line refuses, beside what the shop refuses anyway.

PannierError
├── WrongSettingsError           settings that cannot be used; exit code 2
├── DatabaseUnreachableError     the database named in the settings does not let us in
├── DatabaseBehindError          its tables are those of an older version
├── DatabaseAheadError           its tables are those of a newer version
├── UnreadableFileError          a file that is not there, or not ours to read or write
├── ConfirmationMissingError     something that cannot be undone was asked for without --yes
├── UnknownVariantError          neither an id nor a SKU of the catalogue
└── AmbiguousSkuError            a SKU that several variants carry
"""

from __future__ import annotations

from collections.abc import Sequence

from pannier.kernel.errors import ErrorKind, PannierError


class WrongSettingsError(PannierError):
    """Settings that cannot be used; `details.settings` has `{name, problem}` for each. Mend them and try again."""

    kind = ErrorKind.invalid
    error = "WRONG_SETTINGS"
    code = "COMMAND_001"
    title = "The settings cannot be used"

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            "\n".join(f"{name}: {problem}" for name, problem in faults),
            details={"settings": [{"name": name, "problem": problem} for name, problem in faults]},
        )


class DatabaseUnreachableError(PannierError):
    """The database that PANNIER_DATABASE_URL names does not answer or does not let us in."""

    kind = ErrorKind.unavailable
    error = "DATABASE_UNREACHABLE"
    code = "COMMAND_002"
    title = "The database cannot be reached"


class DatabaseBehindError(PannierError):
    """The database has no tables yet or those of an older version. Run `pannier migrate`."""

    kind = ErrorKind.conflict
    error = "DATABASE_BEHIND"
    code = "COMMAND_003"
    title = "The database is behind this version"


class DatabaseAheadError(PannierError):
    """The database was migrated by a newer Pannier. Run that one."""

    kind = ErrorKind.conflict
    error = "DATABASE_AHEAD"
    code = "COMMAND_004"
    title = "The database is ahead of this version"


class UnreadableFileError(PannierError):
    """The file cannot be read or written; the message says why."""

    kind = ErrorKind.not_found
    error = "FILE_UNREADABLE"
    code = "COMMAND_005"
    title = "The file cannot be used"


class ConfirmationMissingError(PannierError):
    """What was asked for cannot be undone. Say --yes."""

    kind = ErrorKind.conflict
    error = "CONFIRMATION_MISSING"
    code = "COMMAND_006"
    title = "This cannot be undone"


class UnknownVariantError(PannierError):
    """Neither an id nor a SKU of the catalogue. `pannier stock list TEXT` finds variants by name."""

    kind = ErrorKind.not_found
    error = "VARIANT_UNKNOWN"
    code = "COMMAND_007"
    title = "No variant has this id or SKU"


class AmbiguousSkuError(PannierError):
    """Several variants carry this SKU; `details.variants` has their ids. Name the one you mean by its id."""

    kind = ErrorKind.conflict
    error = "SKU_AMBIGUOUS"
    code = "COMMAND_008"
    title = "Several variants have this SKU"
