"""A shop and a basket told in a file: `given` what the shop is like, `when` what happens, priced without a database."""

from pannier.pricing.scenario.answer import figures_of
from pannier.pricing.scenario.running import Priced, run_scenario
from pannier.pricing.scenario.source import read_scenarios

__all__ = ["Priced", "figures_of", "read_scenarios", "run_scenario"]
