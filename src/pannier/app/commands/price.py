"""`pannier price`: what a basket told in a file costs, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pannier.app.commands.shop import JsonOption
from pannier.app.commands.terminal import Terminal

if TYPE_CHECKING:
    from pannier.pricing import Priced, Quote

#: More than any basket; what is larger is no scenario.
_BYTES_MAX = 10_000_000


def price(
    file: Annotated[Path, typer.Argument(help="A scenario: what the shop is like, and what happens. `-` is stdin.")],
    explain: Annotated[bool, typer.Option("--explain", help="Every figure with the reason for it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Price a basket from a file, without a database.

    The file has `given` (currency, products, promotions, tax rates, shipping
    methods), `when` (add, coupon, ship and so on) and `policy` (house rules).
    A list of such scenarios is priced one by one. A product that `given` does
    not have is an error; whatever else is refused is told with the figures.

    [bold]Examples[/]
      [cyan]pannier price basket.json[/]
      [cyan]pannier price basket.json --explain[/]
      [cyan]pannier price basket.json --json | jq .totals.grand[/]

    [bold]Next[/]: `--explain` shows which promotion took off what.
    """
    from pannier.pricing import read_scenarios, run_scenario

    terminal = Terminal(is_json=as_json)
    scenarios = read_scenarios(_read(file))
    priced = [run_scenario(scenario, knows_all=True) for scenario in scenarios]
    data = [_as_data(each, has_steps=explain) for each in priced]

    def show() -> None:
        for number, each in enumerate(priced):
            if number:
                terminal.say()
            _show(terminal, each, has_steps=explain)

    terminal.result(data[0] if len(data) == 1 else data, show)


def _read(file: Path) -> str:
    from pannier.app.commands.errors import UnreadableFileError

    try:
        if str(file) == "-":
            data = typer.get_binary_stream("stdin").read(_BYTES_MAX + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(_BYTES_MAX + 1)
        if len(data) > _BYTES_MAX:
            raise UnreadableFileError(f"{file} has more than {_BYTES_MAX:,} bytes; a scenario is smaller.")
        return data.decode("utf-8-sig")
    except OSError as problem:
        raise UnreadableFileError(f"{file} cannot be read: {problem.strerror or problem}.") from None
    except UnicodeDecodeError:
        raise UnreadableFileError(f"{file} is no text in UTF-8.") from None


def _as_data(priced: Priced, *, has_steps: bool) -> dict[str, Any]:
    quoted = priced.quote
    data: dict[str, Any] = {"id": priced.id} if priced.id else {}
    data |= {"currency": quoted.currency} | priced.then
    data["taxes"] = [
        {"rate": each.rate.id, "percent": str(each.rate.percent), "included": each.rate.is_included}
        | {"amount": each.amount_minor}
        for each in quoted.taxes
    ]
    data["messages"] = [message._asdict() for message in quoted.messages]
    if has_steps:
        data["steps"] = [
            {"stage": stage, "for": what, "amount": amount, "reason": reason}
            for stage, what, amount, reason in _steps(priced)
        ]
    return data


def _steps(priced: Priced) -> list[tuple[str, str, int, str]]:
    titles = {line.line_id: priced.titles.get(line.product_id, line.product_id) for line in priced.quote.lines}
    return [
        (step.stage, "" if step.line_id is None else titles[step.line_id], step.amount_minor, step.reason)
        for step in priced.quote.steps
    ]


def _show(terminal: Terminal, priced: Priced, *, has_steps: bool) -> None:
    from pannier.kernel.money import format_amount

    quoted = priced.quote
    currency = quoted.currency

    def money(amount: int) -> str:
        return format_amount(amount, currency)

    if priced.id:
        terminal.say(priced.id)
    rows = [
        (
            priced.titles.get(line.product_id, line.product_id) + (" (gift)" if line.is_gift else ""),
            str(line.quantity),
            money(line.unit_price_minor),
            money(line.subtotal_minor - line.total_minor) if line.subtotal_minor > line.total_minor else "",
            money(line.total_minor),
            money(line.tax_minor),
        )
        for line in quoted.lines
    ]
    if rows:
        columns = ("product", "quantity", "unit price", "discount", f"total {currency}", "tax")
        terminal.table(columns, rows, numbers=columns[1:])
    else:
        terminal.say("The cart is empty.")
    terminal.say()
    terminal.table(("sum", currency), [(name, money(amount)) for name, amount in _sums(quoted)], numbers=(currency,))
    _show_remarks(terminal, priced)
    if has_steps:
        terminal.say()
        steps = [(stage, what, money(amount), reason) for stage, what, amount, reason in _steps(priced)]
        terminal.table(("step", "for", currency, "because"), steps, numbers=(currency,))


def _sums(quoted: Quote) -> list[tuple[str, int]]:
    totals, shipping = quoted.totals, quoted.shipping
    sums = [("goods", totals.subtotal_minor)]
    if totals.discount_minor:
        sums.append(("discounts", -totals.discount_minor))
    if shipping is not None and shipping.method is not None:
        sums.append((f"shipping, {shipping.method}", shipping.cost_minor))
    sums += [
        (f"{'in it: ' if each.rate.is_included else ''}tax {each.rate.id} {each.rate.percent} %", each.amount_minor)
        for each in quoted.taxes
    ]
    sums.append(("total", totals.total_minor))
    sums += [(f"paid by {each.kind.replace('_', ' ')} {each.reference}", -each.amount_minor) for each in quoted.tenders]
    return [*sums, ("to pay", quoted.due_minor)] if quoted.tenders else sums


def _show_remarks(terminal: Terminal, priced: Priced) -> None:
    quoted = priced.quote
    remarks = [f"Applied: {', '.join(one.title for one in quoted.applied)}"] if quoted.applied else []
    remarks += [message.text for message in quoted.messages]
    if quoted.points_earned:
        remarks.append(f"Earns {quoted.points_earned} points.")
    for error in priced.then["errors"]:
        why = f" ({error['reason']})" if "reason" in error else ""
        remarks.append(f"Step {error['step']} was refused: {error['kind']}{why}.")
    if remarks:
        terminal.say()
    for remark in remarks:
        terminal.say(remark)
