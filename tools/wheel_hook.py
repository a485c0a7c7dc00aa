"""Puts the directories that live at the top of the repository into the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED_INSIDE_THE_PACKAGE = ("migrations", "web")


class WheelHook(BuildHookInterface):  # type: ignore[type-arg]  # generic only in hatchling's own checks
    """`migrations/` becomes `pannier/migrations/` and `web/` becomes `pannier/web/`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for name in SHIPPED_INSIDE_THE_PACKAGE:
            if (Path(self.root) / name).is_dir():
                build_data["force_include"][name] = f"pannier/{name}"
