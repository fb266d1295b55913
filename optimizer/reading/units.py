"""Units that an analyst may write in the units row, converted to the declared ones.

The vocabulary is closed and read without regard to case: ``mw`` is never a milliwatt. Energy of
fuel (MMBtu, GJ) is a dimension of its own, apart from electricity (MWh), so that lb/MMBtu of fuel
is never taken for a mass by MWh generated. Years are those of the model, 8,760 hours.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

LHV_TO_HHV = 1.108
"""Higher over lower heating value of natural gas (GREET: 1,089 / 983 Btu/ft3)."""

_DEFINITIONS = (
    "USD = [currency]",
    "plan_year = 8760 hour",
    "plan_month = plan_year / 12",
    "land_acre = 43560 foot ** 2",
    "fuel_MMBtu = [fuel_energy]",
    "arc = [angle_on_earth]",
)

_VOCABULARY: tuple[tuple[str, str, str], ...] = (
    # as shown, other spellings, what it is
    ("USD", "$ us$ dollar dollars", "USD"),
    ("kUSD", "k$ $k", "1e3 * USD"),
    ("million USD", "m$ $m musd mm$ $mm million_$ million_dollars", "1e6 * USD"),
    ("billion USD", "b$ $b bn$ $bn billion_$", "1e9 * USD"),
    ("¢", "cent cents ct", "0.01 * USD"),
    ("W", "watt watts", "watt"),
    ("kW", "kilowatt kilowatts kwe", "kilowatt"),
    ("MW", "megawatt megawatts mwe", "megawatt"),
    ("GW", "gigawatt gigawatts", "gigawatt"),
    ("hp", "bhp horsepower", "horsepower"),
    ("kWh", "", "kilowatt * hour"),
    ("MWh", "", "megawatt * hour"),
    ("GWh", "", "gigawatt * hour"),
    ("TWh", "", "terawatt * hour"),
    ("Btu", "", "1e-6 * fuel_MMBtu"),
    ("kBtu", "", "1e-3 * fuel_MMBtu"),
    ("MMBtu", "dth dekatherm dekatherms", "fuel_MMBtu"),
    ("therm", "therms", "0.1 * fuel_MMBtu"),
    ("kJ", "", "kilojoule / (1e6 * Btu) * fuel_MMBtu"),
    ("MJ", "", "megajoule / (1e6 * Btu) * fuel_MMBtu"),
    ("GJ", "", "gigajoule / (1e6 * Btu) * fuel_MMBtu"),
    ("kWh_th", "kwhth", "kilowatt * hour / (1e6 * Btu) * fuel_MMBtu"),
    ("MWh_th", "mwhth", "megawatt * hour / (1e6 * Btu) * fuel_MMBtu"),
    ("g", "gram grams", "gram"),
    ("kg", "kilogram kilograms", "kilogram"),
    ("t", "tonne tonnes metric_ton metric_tons", "metric_ton"),
    ("kt", "", "1e3 * metric_ton"),
    ("million t", "million_tonnes million_metric_tons mmt", "1e6 * metric_ton"),
    ("lb", "lbs pound pounds", "pound"),
    ("short tons", "short_ton", "short_ton"),
    ("m", "meter meters metre metres", "meter"),
    ("km", "kilometer kilometers kilometre kilometres", "kilometer"),
    ("ft", "foot feet", "foot"),
    ("miles", "mi mile", "mile"),
    ("acres", "acre ac", "land_acre"),
    ("ha", "hectare hectares", "hectare"),
    ("gallons", "gal gallon", "gallon"),
    ("kgal", "", "1e3 * gallon"),
    ("million gallons", "mgal million_gal million_gallon", "1e6 * gallon"),
    ("acre-feet", "af", "land_acre * foot"),
    ("L", "l liter liters litre litres", "liter"),
    ("gpm", "", "gallon / minute"),
    ("mgd", "", "1e6 * gallon / (24 * hour)"),
    ("ms", "millisecond milliseconds", "millisecond"),
    ("s", "sec second seconds", "second"),
    ("min", "minute minutes", "minute"),
    ("h", "hr hrs hour hours", "hour"),
    ("days", "d day", "24 * hour"),
    ("weeks", "wk week", "168 * hour"),
    ("months", "mo month", "plan_month"),
    ("years", "y yr yrs year", "plan_year"),
    ("degree", "degrees deg °", "arc"),
    ("%", "percent pct", "0.01"),
    ("1", "share fraction", "1"),
)  # fmt: skip
_MEANING = {
    spelling.replace(" ", "_").lower(): meaning
    for shown, others, meaning in _VOCABULARY
    for spelling in (shown, *others.split())
}
_SHOWN = {
    spelling.replace(" ", "_").lower(): shown
    for shown, others, _ in _VOCABULARY
    for spelling in (shown, *others.split())
}
AMBIGUOUS = {
    "ton": "short tons or t",
    "tons": "short tons or t",
    "mt": "t or million t",
    "mbtu": "kBtu or MMBtu",
    "mcf": "MMBtu: the heat in a volume of gas differs",
    "°f": "a unit that the column has",
}
"""Spellings that mean two things, and what to write instead."""

ALTERNATIVES = (
    "USD/kW", "USD/MW", "million USD/MW", "USD/W", "USD/kWh", "USD/MWh", "¢/kWh", "USD/kW-year",
    "USD/MW-year", "USD/kW-month", "USD/MW-month", "USD/MMBtu", "USD/GJ", "USD/km2", "USD/acre",
    "USD/ft2", "USD", "million USD", "MW", "kW", "GW", "MWh", "kWh", "Btu/kWh", "kJ/kWh",
    "MMBtu/MWh", "MMBtu/h", "kg/MWh", "lb/MWh", "g/bhp-h", "t/MWh", "t/MMBtu", "lb/MMBtu",
    "kg/MMBtu", "m3/MWh", "gallons/MWh", "L/kWh", "m3/year", "gallons/year", "acre-feet/year", "gpm",
    "short tons/year", "t/year", "km2", "acres", "ha", "km2/MW", "acres/MW", "ms", "s",
    "months", "years", "weeks", "days", "h", "1/year", "%/year", "1/h", "%/h", "1", "%",
    "1/MW", "1/kW", "ms/km", "h/year", "degree",
)  # fmt: skip
"""Units in use, for suggestions."""

_WORDS = (
    (r"short\s+tons?", "short_tons"),
    (r"metric\s+tons?", "metric_tons"),
    (r"million\s+", "million_"),
    (r"billion\s+", "billion_"),
    (r"\b(?:square|sq\.?)\s+(\w+)", r"\g<1>2"),
    (r"\b(?:cubic|cu\.?)\s+(\w+)", r"\g<1>3"),
    (r"\bsqft\b", "ft2"),
    (r"\bsqmi\b", "mi2"),
    (r"\s+per\s+", "/"),
)


class UnitError(ValueError):
    """A unit that cannot be used; ``remedy`` says what to write."""

    def __init__(self, expected: str, remedy: str) -> None:
        self.expected, self.remedy = expected, remedy
        super().__init__(f"expected {expected}. {remedy}")


@dataclass(frozen=True)
class Conversion:
    """How a number in the written unit becomes one in the declared unit.

    Parameters
    ----------
    unit : the written unit, for messages
    factor : what the number is multiplied by
    by_heat_rate : it is also multiplied by the row's heat rate [MMBtu/MWh]
    is_lower_heating_value : the number was on the lower heating value
    """

    unit: str
    factor: float
    by_heat_rate: bool = False
    is_lower_heating_value: bool = False


def same_spelling(written: str, declared: str) -> bool:
    """Whether both are the same unit as text, which needs no conversion."""
    return _plain(written) == _plain(declared)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip()).lower()


def conversion(written: str, declared: str) -> Conversion:
    """How to convert from a written unit.

    Parameters
    ----------
    written : what the analyst wrote, such as ``$/kW-yr`` or ``Btu/kWh LHV``
    declared : the column's unit; ``""`` is a plain number or share

    Raises
    ------
    UnitError : the unit is unknown or of another dimension

    Examples
    --------
    >>> conversion("acres", "km2").factor
    0.0040468564224
    >>> conversion("$/kWh", "USD/MWh").factor
    1000.0
    """
    if same_spelling(written, declared):
        return Conversion(written, 1.0)
    text, is_lower = _without_heating_value(written)
    found = _quantity(text)
    wanted = _quantity(declared or "1")
    if is_lower and not found.check("[fuel_energy] / [energy]"):
        raise UnitError(f"{declared or 'a plain number'}, without LHV", "Only heat rates have it.")
    scale = LHV_TO_HHV if is_lower else 1.0
    if found.dimensionality == wanted.dimensionality:
        return Conversion(written, scale * _factor(found, wanted), False, is_lower)
    through_fuel = found * _quantity("MMBtu/MWh")
    if through_fuel.dimensionality == wanted.dimensionality and wanted.check("[mass] / [energy]"):
        return Conversion(written, _factor(through_fuel, wanted), True, False)
    near = alternatives(declared)
    shown = f"such as {', '.join(near[:4])}" if near else "none but the declared one"
    raise UnitError(f"{declared or 'a share or number'} or a unit of its kind, {shown}",
                    _dimension_hint(text, declared))  # fmt: skip


def _dimension_hint(text: str, declared: str) -> str:
    kinds = {"[fuel_energy]": "energy of fuel", "[currency]": "money"}
    found, wanted = _quantity(text).dimensionality, _quantity(declared or "1").dimensionality
    for name, words in kinds.items():
        if (name in found) != (name in wanted):
            verb = "has" if name in found else "lacks"
            return f'"{text.strip()}" {verb} {words}, the column {"does not" if verb == "has" else "does"}.'
    return f'"{text.strip()}" measures something else.'


def alternatives(declared: str) -> list[str]:
    """Other units in use that the column could be given in."""
    wanted = _quantity(declared or "1").dimensionality
    return [u for u in ALTERNATIVES if u != (declared or "1")
            and _quantity(u).dimensionality == wanted]  # fmt: skip


def _factor(found: Any, wanted: Any) -> float:
    return float(f"{(found / wanted).to('dimensionless').magnitude:.15g}")


def _without_heating_value(text: str) -> tuple[str, bool]:
    match = re.search(r"[\s(,\[]*\b(hhv|lhv)\b[)\]]*", text, re.IGNORECASE)
    if not match:
        return text, False
    return text[: match.start()] + text[match.end() :], match[1].lower() == "lhv"


@cache
def _registry() -> Any:
    import pint  # takes half a second, so only where a unit is converted

    registry: Any = pint.UnitRegistry()
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


@cache
def _quantity(text: str) -> Any:
    """One of the unit as a quantity; UnitError if it is not in the vocabulary."""
    registry = _registry()
    over, *under = _terms(text)
    value = registry.Quantity(1.0)
    for names, power in ((over, 1), *((u, -1) for u in under)):
        for name, exponent in names:
            value = value * registry.parse_expression(_MEANING[name]) ** (power * exponent)
    return value


def _terms(text: str) -> list[list[tuple[str, int]]]:
    """Names with exponents of the numerator and of every ``/`` part."""
    plain = _plain(text).replace("²", "2").replace("³", "3").replace("^", "").replace("**", "")
    for pattern, replacement in _WORDS:
        plain = re.sub(pattern, replacement, plain)
    plain = plain.strip("[]() ").replace("(", "").replace(")", "")
    return [
        [_name(part, text) for part in re.split(r"[-*·×\s]+", piece.strip()) if part]
        for piece in plain.split("/")
    ]


def _name(part: str, text: str) -> tuple[str, int]:
    if part in _MEANING:
        return part, 1
    if part[:-1] in _MEANING and part[-1] in "23":
        return part[:-1], int(part[-1])
    if part in AMBIGUOUS:
        raise UnitError("a unit with one meaning", f'For "{part}" write {AMBIGUOUS[part]}.')
    near = difflib.get_close_matches(part, _MEANING, 1, 0.5)
    if not near:
        raise UnitError("a unit that is known", f'"{part}" is not: see docs/workbook.md.')
    shown = _SHOWN[near[0]]
    whole = re.sub(re.escape(part), lambda _: shown, text.strip(), count=1, flags=re.IGNORECASE)
    raise UnitError("a unit that is known", f'Closest: "{whole}".')
