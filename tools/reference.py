"""Writes the reference pages from the code: `python -m tools.reference`. With `--check` it only compares.

Each page is made whole from what the program says of itself; tests/docs sees that they are as they would be made.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main

import pannier
from pannier.app import cli, create_app
from pannier.app.commands.errors import WrongSettingsError
from pannier.app.commands.settings_reading import default_text, variable
from pannier.kernel.errors import PannierError
from pannier.platform.problems import all_errors, status_of
from pannier.platform.settings import Settings
from pannier.platform.settings.base import SettingsPart

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
_MADE = "<!-- Made from the code by `python -m tools.reference`. -->\n"
_MARKUP = re.compile(r"\[/?(?:bold|cyan|dim)?\]")
# The modules whose refusals a person meets at the terminal and no client over HTTP.
_AT_THE_TERMINAL = ("pannier.app.commands", "pannier.app.listening", "pannier.platform.embedded")


_SETTINGS = """\
# Settings

Each setting is an environment variable. All have a default that works; `pannier settings` prints what is in force and
where it comes from, `pannier doctor` finds those that are wrong or misspelt. A value that cannot be used stops the
program with exit code 2 and a line for each.

Yes and no are written `true` and `false`; lists are JSON."""

_SETTINGS_END = """
## Beside these

`FORWARDED_ALLOW_IPS` names the proxies that are believed when they say what the client's address and scheme are, in
logs and links; rate limits go by `PANNIER_TRUSTED_PROXIES`. See [Run in production](../howto/run-in-production.md).
"""

_ERRORS = """\
# Errors

A refusal is data. Over HTTP it is `application/problem+json` (RFC 9457): `error` and `code` name it for good, `detail`
says to people what to do, `field` is the input at fault, `details` has the figures, `cart` is the current cart where
that helps, and `request_id` is what the log has, too.

```json
{"type": "urn:pannier:problem:insufficient-stock", "title": "Not enough in stock", "status": 409,
 "detail": "…", "instance": "/api/v1/cart/items", "error": "INSUFFICIENT_STOCK", "code": "STOCK_001",
 "field": "quantity", "details": {"requested": 5, "available": 3}, "request_id": "…"}
```

What can be tried again says so: a 503 carries `Retry-After`. A request with an `Idempotency-Key` may always be sent
again.

## Over HTTP

| code | error | status | what it means, and what to do |
|---|---|---|---|"""

_ERRORS_AT_THE_TERMINAL = """
## At the terminal

A command can meet those above, too. It writes the refusal to standard error; with `--json` it is also the JSON value
on standard output, as `{error, code, message, field, details}`.

| code | error | exit code | what it means, and what to do |
|---|---|---|---|"""

_COMMAND_LINE = """\
# Command line

`pannier` and each of its commands explain themselves: `pannier --help`, `pannier import --help`.

| exit code | |
|---|---|
| 0 | done |
| 1 | refused or failed, or the answer is no: rows that break an invariant, a database that is behind |
| 2 | wrong usage, or settings that cannot be used |
| 130 | interrupted by Ctrl+C; nothing is half done |

Results go to standard output; progress, remarks and errors to standard error. With `--json` standard output is one
JSON value and nothing else. `--debug`, anywhere in the line, shows tracebacks and every log line.

Commands use the database of `PANNIER_DATABASE_URL`, else the embedded one in the data directory, whether or not
`pannier serve` is running."""

_ROUTES = """\
# Routes

The whole description, with every field, is OpenAPI 3.1: `/api/v1/openapi.json` of a running shop, or the same for
people at `/api/v1/docs`.

Money is `{"amount": 1599, "currency": "USD"}` in minor units; prices of products have `formatted` beside them, carts
and orders leave that to the client, as it would make every cart dearer. Times are RFC 3339 in UTC with `Z`, ids UUIDs.
Every write
takes an `Idempotency-Key`: sent twice, it is done once, or refused with `IDEMPOTENCY_CONFLICT` or
`IDEMPOTENCY_IN_FLIGHT`. Beside the refusals listed here, each route can answer those that any request can meet,
`VALIDATION_FAILED`, `RATE_LIMITED` and `DATABASE_UNAVAILABLE` among them; [Errors](errors.md) has all."""
_ANYWHERE = frozenset(
    {
        "BODY_TOO_LARGE",
        "IDEMPOTENCY_CONFLICT",
        "IDEMPOTENCY_IN_FLIGHT",
        "MALFORMED_JSON",
        "UNSUPPORTED_MEDIA_TYPE",
        "RATE_LIMITED",
        "VALIDATION_FAILED",
    }
)


def settings_page() -> str:
    """Every setting by group, in the order of the code."""
    lines = [_SETTINGS]
    schemas = Settings.model_json_schema()["properties"]
    for group, names in _groups():
        lines += ["", f"## {group}", "", "| variable | default | what it is |", "|---|---|---|"]
        for name in names:
            field = Settings.model_fields[name]
            default = default_text(field)
            shown = f"`{default}`" if default else "not set"
            lines.append(f"| `{variable(name)}` | {shown} | {field.description}{_bounds(schemas[name])} |")
    lines.append(_SETTINGS_END)
    return "\n".join(lines)


def _groups() -> Iterator[tuple[str, list[str]]]:
    """The comments of the classes that make up the settings are its groups."""
    parts = [part for part in reversed(Settings.__mro__) if issubclass(part, SettingsPart)]
    group, names = "", list[str]()
    for line in "".join([inspect.getsource(part) for part in parts]).splitlines():
        if heading := re.fullmatch(r"    # ([A-Z][\w ]*)", line):
            if names:
                yield group, names
            group, names = heading[1], []
        elif (field := re.match(r"    ([a-z_]+): ", line)) and field[1] in Settings.model_fields:
            names.append(field[1])
    yield group, names


def _bounds(schema: dict[str, Any]) -> str:
    options = [schema, *schema.get("anyOf", ())]
    choices = next((option["enum"] for option in options if "enum" in option), None)
    if choices:
        return " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    words = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
    found = [f"{words[key]} {option[key]:g}" for option in options for key in words if key in option]
    text = ", ".join(found)
    return f" {text[0].upper()}{text[1:]}." if found else ""


def errors_page() -> str:
    """Every refusal: over HTTP, then at the terminal."""
    for module in pkgutil.walk_packages(pannier.__path__, "pannier."):
        importlib.import_module(module.name)
    everywhere = [error for error in all_errors() if not error.__module__.startswith(_AT_THE_TERMINAL)]
    terminal = [error for error in all_errors() if error.__module__.startswith(_AT_THE_TERMINAL)]
    rows = [
        f"| `{error.code}` | `{error.error}` | {status_of(error)} | {_meaning(error)} |"
        for error in everywhere
        if error.code != "HTTP_000"
    ]
    said = [
        f"| `{error.code}` | `{error.error}` | {2 if error is WrongSettingsError else 1} | {_meaning(error)} |"
        for error in terminal
    ]
    return "\n".join([_ERRORS, *rows, _ERRORS_AT_THE_TERMINAL, *said, ""])


def _meaning(error: type[PannierError]) -> str:
    text = " ".join(inspect.cleandoc(error.__doc__ or "").split())
    return f"**{error.title}.** {text}".replace("|", "\\|")


def command_line_page() -> str:
    """Every command with its options."""
    lines = [_COMMAND_LINE]
    for name, command in _commands():
        lines += ["", f"## {name}", "", f"```\n{_usage(name, command)}\n```", "", _help(command.help or "")]
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        if arguments or options:
            lines += ["", "| | |", "|---|---|"]
        lines += [f"| `{_label(p)}` | {getattr(p, 'help', None) or ''} |" for p in arguments]
        lines += [f"| `{_flags(p)}` | {(getattr(p, 'help', None) or '')}{_default(p)} |" for p in options]
    return "\n".join([*lines, ""])


def _commands() -> Iterator[tuple[str, Any]]:
    root: Any = typer.main.get_command(cli.app)

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if not children:
            yield name, command
        for child, inner in (children or {}).items():
            # What a group does without a word of its own stands under the group's name.
            is_default = child == getattr(command, "default_name", None)
            yield from walk(name if is_default else f"{name} {child}", inner)

    yield from walk("pannier", root)


def command_names() -> Mapping[str, set[str]]:
    """Each command, `pannier stock list` and so on, with the flags it takes."""
    everywhere = {"--help", "-h", "--debug"}
    return {
        name: {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)} | everywhere
        for name, command in _commands()
    }


def _usage(name: str, command: Any) -> str:
    arguments = [_label(param) for param in command.params if param.param_type_name == "argument"]
    return " ".join([name, *arguments, "[OPTIONS]"])


def _label(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _flags(param: Any) -> str:
    names = ", ".join(param.opts) + "".join(f"/{name}" for name in param.secondary_opts)
    return names if param.is_flag else f"{names} {param.metavar or param.name.upper()}"


def _default(param: Any) -> str:
    has_one = param.default not in (None, False, "") and not param.is_flag
    return f" Default: {param.default}." if has_one else ""


def _help(text: str) -> str:
    """The help as Markdown: examples become a block."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    made = []
    for paragraph in paragraphs:
        if re.match(r"\[bold\]Examples?\[/\]\n", paragraph):
            _, _, examples = paragraph.partition("\n")
            made.append(f"```sh\n{inspect.cleandoc(_commented(examples))}\n```")
        else:
            made.append(_MARKUP.sub("", paragraph))
    return "\n\n".join(made)


def _commented(examples: str) -> str:
    """What stands behind an example is a comment in the shell."""
    lines = []
    for line in examples.splitlines():
        command, _, remark = line.partition("[/]")
        said = f"  # {remark.strip()}" if remark.strip() else ""
        lines.append(f"{command.replace('[cyan]', '').rstrip()}{said}".strip())
    return "\n".join(lines)


def routes_page() -> str:
    """Every route, by tag."""
    document = create_app(Settings(database_url="postgresql://nobody@nowhere/none")).openapi()
    by_tag: dict[str, list[str]] = {}
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            tag = (operation.get("tags") or ["other"])[0]
            row = f"| `{method.upper()}` | `{path}` | {_what(operation)} | {_refusals(operation)} |"
            by_tag.setdefault(tag, []).append(row)
    lines = [_ROUTES]
    for tag, rows in sorted(by_tag.items()):
        lines += ["", f"## {tag.capitalize()}", "", "| | path | what it does | can refuse with |", "|---|---|---|---|"]
        lines += rows
    return "\n".join([*lines, ""])


def _what(operation: Mapping[str, Any]) -> str:
    """The first sentence of its description; FastAPI makes summaries of function names."""
    text = " ".join((operation.get("description") or operation.get("summary") or "").split())
    return re.split(r"(?<=[.;:]) ", text, maxsplit=1)[0].rstrip(";:").replace("|", "\\|")


def _refusals(operation: Mapping[str, Any]) -> str:
    found = []
    for status, answer in sorted(operation.get("responses", {}).items()):
        if status >= "400":
            found += re.findall(r"`([A-Z_]+)`", answer.get("description", ""))
    return ", ".join(f"`{name}`" for name in dict.fromkeys(found) if name not in _ANYWHERE)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "command-line.md": command_line_page,
    "routes.md": routes_page,
}


def page(name: str) -> str:
    """A page as it should be."""
    return _MADE + PAGES[name]()


def main() -> int:
    """Write the pages, or compare them; 1 when they were not as they should be."""
    is_check = "--check" in sys.argv
    stale = []
    for name in PAGES:
        file = REFERENCE / name
        made = page(name)
        if file.exists() and file.read_text(encoding="utf-8") == made:
            continue
        stale.append(name)
        if not is_check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name} {'is not what the code says' if is_check else 'written'}")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
