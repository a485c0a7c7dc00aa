"""What a run consists of and what it finds. Latencies in milliseconds, CPU in microseconds per request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Load:
    """One kind of request over HTTP, the baseline it is held against, and the ratio it must reach."""

    name: str
    title: str
    baseline: str
    ratio_min: float
    #: The ratio that the design aims at; told, never judged.
    ratio_goal: float
    p99_max_ms: float | None = None
    #: The script that makes its requests, where several loads make the same ones.
    script: str = ""
    #: Whether the shop has 20 promotions meanwhile.
    has_promotions: bool = False

    @property
    def lua(self) -> str:
        return self.script or self.name


LOADS = (
    Load("add", "add to cart", "addfull", ratio_min=0.7, ratio_goal=1.2, p99_max_ms=60),
    Load("hot", "add, one product", "hotfull", ratio_min=2.0, ratio_goal=5.0),
    Load("get", "get a cart", "read", ratio_min=0.15, ratio_goal=0.25),
    Load("checkout", "complete a checkout", "checkout", ratio_min=0.2, ratio_goal=0.3),
    Load("add20", "add, 20 promotions", "addfull", 0.7, 1.2, 60, script="add", has_promotions=True),
    Load("get20", "get a cart, 20 promotions", "read", 0.15, 0.25, script="get", has_promotions=True),
)
#: The number of clients at which the bars hold.
JUDGED_AT = 32


@dataclass(frozen=True)
class Measurement:
    """What one load generator counted, and the CPU that it, the shop and the database took per request."""

    name: str
    clients: int
    seconds: float
    requests: int
    per_second: float
    mean_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    app_us: float | None = None
    database_us: float | None = None
    generator_us: float | None = None
    conflicts: int = 0

    def titled(self, name: str) -> Measurement:
        """The same under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Pair:
    """A load between two runs of its baseline, so that a slow spell of the machine meets both."""

    load: Load
    before: Measurement
    measured: Measurement
    after: Measurement

    @property
    def baseline_per_second(self) -> float:
        return (self.before.per_second + self.after.per_second) / 2

    @property
    def ratio(self) -> float:
        return self.measured.per_second / self.baseline_per_second


@dataclass(frozen=True)
class Bar:
    """One thing that must hold, and whether it does."""

    what: str
    wanted: str
    found: str
    is_met: bool


@dataclass
class Results:
    """Everything one run of the bench found, and the machine and settings it was found with."""

    machine: dict[str, object]
    versions: dict[str, str]
    settings: dict[str, object]
    commit: str
    started_at: str
    pairs: list[Pair] = field(default_factory=list)
    others: list[Measurement] = field(default_factory=list)
    #: Of another shop with 100,000 variants: see `bench.search`.
    searches: list[Measurement] = field(default_factory=list)
    #: By the number of a cart's lines: see `bench.large`.
    large: list[Measurement] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    audit: str = ""


def bars_of(pairs: list[Pair], clients: int = JUDGED_AT) -> list[Bar]:
    """The bars at this number of clients, judged; a load that was not measured there has none."""
    bars = []
    for pair in pairs:
        if pair.measured.clients != clients:
            continue
        load = pair.load
        bars.append(
            Bar(
                f"{load.title} at {clients} clients",
                f"≥ {load.ratio_min:g} × {load.baseline}",
                f"{pair.ratio:.2f} ×",
                pair.ratio >= load.ratio_min,
            )
        )
        p99 = pair.measured.p99_ms
        if load.p99_max_ms is not None and p99 is not None:
            bars.append(
                Bar(
                    f"{load.title} at {clients} clients, p99",
                    f"< {load.p99_max_ms:g} ms",
                    f"{p99:.1f} ms",
                    p99 < load.p99_max_ms,
                )
            )
    return bars
