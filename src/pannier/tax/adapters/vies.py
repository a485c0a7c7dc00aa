"""VIES, the register of VAT ids of the EU, over REST."""

from __future__ import annotations

from pannier.platform.outside import OutsideService, OutsideServiceError, outside_service
from pannier.platform.settings import Settings
from pannier.tax.ports import RegisterAnswer, RegisterUnavailableError

_NAME_CHARS_MAX = 200


class ViesRegister:
    """A `TaxIdRegister`: POST /check-vat-number."""

    def __init__(self, service: OutsideService) -> None:
        self._service = service

    async def look_up(self, country: str, number: str) -> RegisterAnswer:
        """Raises RegisterUnavailableError, also where the country's own register does not answer VIES."""
        try:
            answer = await self._service.ask("/check-vat-number", {"countryCode": country, "vatNumber": number})
        except OutsideServiceError as problem:
            raise RegisterUnavailableError(str(problem)) from problem
        is_valid = answer.get("valid") if isinstance(answer, dict) else None
        if not isinstance(is_valid, bool) or answer.get("actionSucceed") is False:
            raise RegisterUnavailableError("it says neither that the id is there nor that it is not")
        name = answer.get("name")
        return RegisterAnswer(is_valid, name[:_NAME_CHARS_MAX] if isinstance(name, str) and name != "---" else None)

    async def close(self) -> None:
        """Close its connections."""
        await self._service.close()


def open_register(settings: Settings) -> ViesRegister | None:
    """The register that the settings name, None without one. Nobody is asked yet."""
    if settings.vies_url is None:
        return None
    return ViesRegister(outside_service("VIES", settings.vies_url, None, settings))
