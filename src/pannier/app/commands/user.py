"""`pannier user`: accounts, and above all those of the shop's own people."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pannier.app.commands.shop import DataDirOption, JsonOption, in_shop
from pannier.app.commands.terminal import Terminal

if TYPE_CHECKING:
    from pannier.accounts import Account, StaffAccounts
    from pannier.platform.database import Database

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""Make accounts and look after them.

    Customers make theirs in the shop; those of staff are made here. An account
    is named by its e-mail address or its id.
    """,
)

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="E-mail address or id of an account.")]
_ROLES = ("customer", "staff", "admin")
_COLUMNS = ("e-mail", "name", "role", "status", "since", "id")


def _role(value: str | None) -> str | None:
    if value is not None and value not in _ROLES:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(_ROLES)}.")
    return value


RoleOption = Annotated[str, typer.Option("--role", metavar="ROLE", callback=_role, help="customer, staff or admin.")]


@app.command()
def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="E-mail address to sign in with.")],
    role: RoleOption = "staff",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="How the person is called.")] = "",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account; its password is asked for, or read from standard input.

    [bold]Examples[/]
      [cyan]pannier user create ann@example.com --role admin[/]
      [cyan]openssl rand -base64 15 | pannier user create bot@example.com[/]

    [bold]Next[/]: sign in at /account/login, or by POST /api/v1/auth/login.
    """
    terminal, password = Terminal(is_json=as_json), _password()
    made = _with_accounts(
        data_dir,
        terminal,
        lambda accounts: accounts.create(email, password, role=role, name=name),  # type: ignore[arg-type] # checked by its option
    )
    terminal.result(_shown(made), lambda: terminal.say(f"{made.email} may sign in as {made.role}."))


@app.command(name="list")
def list_(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only those whose address or name contains it.")] = "",
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", callback=_role, help="Only those of this role.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="At most so many.")] = 100,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List accounts, the newest first.

    [bold]Examples[/]
      [cyan]pannier user list --role staff[/]
      [cyan]pannier user list example.com[/]
    """
    terminal = Terminal(is_json=as_json)
    found = _with_accounts(data_dir, terminal, lambda accounts: accounts.list_all(text, role=role, limit=limit))
    rows = [(a.email, a.name, a.role, a.status, f"{a.created_at:%Y-%m-%d}", a.id) for a in found]
    terminal.result(
        [_shown(account) for account in found],
        lambda: terminal.table(_COLUMNS, rows) if rows else terminal.say("There is no such account."),
    )


@app.command()
def reset(account: AccountArgument, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Give an account another password, and sign every device of it out.

    The password is asked for, or read from standard input.

    [bold]Example[/]
      [cyan]pannier user reset ann@example.com[/]
    """
    terminal, password = Terminal(is_json=as_json), _password()

    async def act(accounts: StaffAccounts) -> Account:
        found = await accounts.find(account)
        await accounts.set_password(found, password)
        return found

    done = _with_accounts(data_dir, terminal, act)
    terminal.result(_shown(done), lambda: terminal.say(f"{done.email} has another password, and is signed out."))


@app.command()
def role(
    account: AccountArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", callback=_role, help="customer, staff or admin.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account another role; it signs in again with it.

    [bold]Example[/]
      [cyan]pannier user role ann@example.com customer[/]
    """
    _change(account, data_dir, as_json, lambda accounts, found: accounts.set_role(found, role))  # type: ignore[arg-type] # checked by its argument


@app.command()
def block(
    account: AccountArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Open it again.")] = False,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lock an account, and sign every device of it out.

    [bold]Examples[/]
      [cyan]pannier user block mallory@example.com[/]
      [cyan]pannier user block mallory@example.com --undo[/]
    """
    _change(account, data_dir, as_json, lambda accounts, found: accounts.set_blocked(found, is_blocked=not undo))


def _change(name: str, data_dir: Any, as_json: bool, act: Callable[[StaffAccounts, Account], Awaitable[None]]) -> None:
    terminal = Terminal(is_json=as_json)

    async def run(accounts: StaffAccounts) -> Account:
        await act(accounts, await accounts.find(name))
        return await accounts.find(name)

    done = _with_accounts(data_dir, terminal, run)
    terminal.result(_shown(done), lambda: terminal.say(f"{done.email} is {done.role}, {done.status}."))


def _with_accounts(data_dir: Any, terminal: Terminal, act: Callable[[StaffAccounts], Awaitable[T]]) -> T:
    from pannier.app.commands.settings_reading import read_settings

    settings = read_settings(data_dir=data_dir)

    async def run(db: Database) -> T:
        from pannier.app.identity import open_identity

        return await act((await open_identity(db, settings)).staff_accounts)

    return in_shop(settings, terminal, run)


def _password() -> str:
    """Never an argument: those stand in the shell's history and in the list of processes."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _shown(account: Account) -> dict[str, object]:
    return {
        "id": str(account.id),
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "status": account.status,
        "created_at": account.created_at.isoformat(),
    }
