"""The units of one line where they no longer all cost the same: runs of equal units, in the order they are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

#: Marks of units where each takes part in one promotion only.
FREE, TOUCHED, USED = 0, 1, 2


class Run:
    """So many units side by side, what each cost at first, what was taken off each, and whether they are used."""

    __slots__ = ("count", "mark", "off", "price")

    def __init__(self, count: int, price: int, off: int = 0, mark: int = FREE) -> None:
        self.count = count
        self.price = price
        self.off = off
        self.mark = mark

    @property
    def now(self) -> int:
        """What a unit costs now."""
        return self.price - self.off

    def copy(self) -> Run:
        return Run(self.count, self.price, self.off, self.mark)

    def cut(self, count: int) -> Run:
        """Keep the first so many units; answers the rest."""
        rest = Run(self.count - count, self.price, self.off, self.mark)
        self.count = count
        return rest


Runs = list[Run]


def merged(runs: Iterable[Run]) -> Runs:
    """The same units in as few runs as there can be."""
    found: Runs = []
    for run in runs:
        if not run.count:
            continue
        last = found[-1] if found else None
        if last and last.off == run.off and last.price == run.price and last.mark == run.mark:
            last.count += run.count
        else:
            found.append(run)
    return found


def pick(runs: Runs, units: int | None, may: Callable[[Run], bool]) -> Runs:
    """The runs of the first so many units that `may` be taken (None: all of them). A run is cut where need be."""
    taken: Runs = []
    place = 0
    while place < len(runs) and (units is None or units > 0):
        run = runs[place]
        place += 1
        if not run.count or not may(run):
            continue
        if units is not None and run.count > units:
            runs.insert(place, run.cut(units))
        taken.append(run)
        if units is not None:
            units -= run.count
    return taken


def pick_spans(runs: Runs, spans: list[tuple[int, int]], may: Callable[[Run], bool]) -> Runs:
    """The runs of the units in the spans (first, count), ascending, counted over the units that `may` be taken."""
    chosen: Runs = []
    done: Runs = []
    waiting = iter(spans)
    first, count = next(waiting, (-1, 0))
    place = 0
    for run in runs:
        rest: Run | None = run
        while rest is not None and count and may(rest) and first < place + rest.count:
            run = rest
            if first > place:
                rest = run.cut(first - place)
            else:
                rest = run.cut(count) if count < run.count else None
                chosen.append(run)
                first, count = first + run.count, count - run.count
                if not count:
                    first, count = next(waiting, (-1, 0))
            done.append(run)
            place += run.count
        if rest is not None:
            done.append(rest)
            place += rest.count if may(rest) else 0
    runs[:] = done
    return chosen


def take_evenly(runs: Runs, chosen: Runs, amount: int, floor: int = 0) -> int:
    """Take an amount off the chosen units, the same off each, odd ones off the first; answers what was taken.

    A unit gives at most what it costs above `floor`; what it cannot give, the others give.
    """
    left = amount
    while left > 0:
        givers = [run for run in chosen if run.price - run.off > floor]
        units = sum([run.count for run in givers])
        if not units:
            break
        each, odd = divmod(left, units)
        for run in givers:
            more = min(run.count, odd)
            if more and more < run.count:
                # The first of these give one more than the others, so from here on they are two runs.
                rest = run.cut(more)
                runs.insert(runs.index(run) + 1, rest)
                chosen.append(rest)
                left -= _give(rest, each, floor)
            odd -= more
            left -= _give(run, each + (1 if more else 0), floor)
    return amount - left


def take_all_evenly(runs: Runs, shares: Sequence[int]) -> Runs:
    """Take one share after the other evenly off all units; answers the units as runs.

    Where no unit can come to its end on the way, all shares are taken at once: unit n gives the whole part of
    each, and one more for each share that has more than n odd ones.
    """
    units = sum([run.count for run in runs])
    each, odds = 0, []
    for share in shares:
        whole, odd = divmod(share, units)
        each += whole
        if odd:
            odds.append(odd)
    if min([run.now for run in runs]) < each + len(odds):
        for share in shares:
            take_evenly(runs, runs.copy(), share)
        return merged(runs)
    if len(runs) == 1 and len(odds) < 2:
        run = runs[0]
        run.off += each
        if odds:
            rest = run.cut(odds[0])
            run.off += 1
            return [run, rest]
        return runs
    done: Runs = []
    odds.sort()
    place = 0
    for run in runs:
        part: Run | None = run
        while part is not None:
            while odds and odds[0] <= place:
                odds.pop(0)
            after = part.cut(odds[0] - place) if odds and odds[0] < place + part.count else None
            part.off += each + len(odds)
            place += part.count
            done.append(part)
            part = after
    return merged(done)


def _give(run: Run, each: int, floor: int) -> int:
    given = max(0, min(each, run.price - run.off - floor))
    run.off += given
    run.mark = run.mark or TOUCHED
    return given * run.count


def taken_apart(runs: Runs, chosen: Runs) -> Runs:
    """The chosen runs taken apart into single units, so that each can be told from its neighbour."""
    singles: Runs = []
    for run in chosen:
        rest = [Run(1, run.price, run.off, run.mark) for _ in range(run.count - 1)]
        run.count = 1
        at = runs.index(run) + 1
        runs[at:at] = rest
        singles += [run, *rest]
    return singles


def take_floor_first(runs: Runs, chosen: Runs, amount: int, floor: int) -> int:
    """Take an amount off the chosen units by what each costs now, odd ones off the first; answers what was taken.

    A unit gives at most what it costs above `floor`; what it cannot give is spread again over the others.
    """
    left = amount
    while left > 0:
        givers = [run for run in chosen if run.count and run.now > max(floor, 0)]
        whole = sum([run.now * run.count for run in givers])
        if not whole:
            break
        shares = [left * run.now // whole for run in givers]
        odd = left - sum([share * run.count for share, run in zip(shares, givers, strict=True)])
        for run, share in zip(givers, shares, strict=True):
            more = min(run.count, odd)
            if more and more < run.count:
                rest = run.cut(more)
                runs.insert(runs.index(run) + 1, rest)
                chosen.append(rest)
                left -= _give(rest, share, floor)
            odd -= more
            left -= _give(run, share + (1 if more else 0), floor)
    return amount - left
