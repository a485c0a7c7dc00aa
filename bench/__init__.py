"""Load generators, baselines and replays; what they print is compared, never asserted."""
