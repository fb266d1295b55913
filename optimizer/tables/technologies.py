"""`technologies`, `technology_costs`, `site_technologies`, `fuels`: what power one can build."""

from optimizer.tables.column import Column, Table, source, text


def _months(step: str, meaning: str) -> tuple[Column, ...]:
    """Low, likely and high months of a step; the setting lead_times says which the plan uses."""
    likely = f"{step}_months"
    return (
        Column(
            likely, f"{meaning}, likely", unit="months", kind="integer", required=True, minimum=0
        ),
        Column(
            f"{likely}_low",
            f"{meaning}, low; blank: as likely",
            unit="months",
            kind="integer",
            minimum=0,
        ),
        Column(
            f"{likely}_high",
            f"{meaning}, high; blank: as likely",
            unit="months",
            kind="integer",
            minimum=0,
        ),
    )


TECHNOLOGIES = Table(
    "technologies",
    "Kinds of power asset; blank cells are taken from the catalog entry",
    "a kind of asset",
    (
        text("technology", "Name in this case", required=True),
        text("catalog", "Catalog entry that fills blank cells", from_catalog=True),
        text(
            "class", "Kind of operation", required=True, allowed=("thermal", "variable", "storage")
        ),
        Column("unit_mw", "Size of one unit; blank: any size", unit="MW", minimum=0.01),
        Column(
            "capex_usd_per_kw",
            "Overnight cost of power, before multiplier and cost curve",
            unit="USD/kW",
            required=True,
            minimum=0,
        ),
        Column(
            "capex_usd_per_kwh",
            "Overnight cost of stored energy",
            unit="USD/kWh",
            default=0.0,
            minimum=0,
        ),
        Column(
            "market_multiplier",
            "Today's price over capex_usd_per_kw",
            default=1.0,
            minimum=0.01,
            maximum=100,
        ),
        Column("market_multiplier_as_of", "Date of the multiplier", kind="date"),
        Column(
            "fom_usd_per_kw_year",
            "Fixed operation and maintenance",
            unit="USD/kW-year",
            default=0.0,
            minimum=0,
        ),
        Column(
            "vom_usd_per_mwh",
            "Variable operation and maintenance (storage: of discharge)",
            unit="USD/MWh",
            default=0.0,
            minimum=0,
        ),
        Column(
            "heat_rate_mmbtu_per_mwh",
            "Fuel for each MWh, higher heating value",
            unit="MMBtu/MWh",
            minimum=0,
            default=0.0,
        ),
        text("fuel", "Fuel it burns", references="fuels.fuel"),
        Column(
            "co2_t_per_mwh",
            "CO2 at the site; blank: heat rate x the fuel's CO2",
            unit="t/MWh",
            minimum=0,
        ),
        Column(
            "nox_kg_per_mwh",
            "NOx, for the potential to emit",
            unit="kg/MWh",
            default=0.0,
            minimum=0,
        ),
        Column("water_m3_per_mwh", "Water for each MWh", unit="m3/MWh", default=0.0, minimum=0),
        Column("land_km2_per_mw", "Land for each MW", unit="km2/MW", default=0.0, minimum=0),
        Column(
            "round_trip_efficiency",
            "Of storage",
            required_for=("storage",),
            minimum=0.01,
            maximum=1,
        ),
        Column(
            "standing_loss_per_hour",
            "Share of the stored energy lost in an hour",
            unit="1/h",
            default=0.0,
            minimum=0,
            maximum=0.99,
        ),
        Column(
            "duration_h",
            "Hours of storage at full power; blank: energy is chosen freely",
            unit="h",
            minimum=0.01,
        ),
        Column("life_years", "Lifetime", unit="years", required=True, minimum=0.01),
        Column(
            "real_cost_of_capital",
            "Real cost of capital; blank: real_discount_rate",
            unit="1/year",
            minimum=0,
            maximum=0.5,
        ),
        Column(
            "forced_outage_rate",
            "Share of the time that units fail",
            default=0.0,
            minimum=0,
            maximum=0.99,
        ),
        Column(
            "planned_outage_rate",
            "Share of the time in planned outage",
            default=0.0,
            minimum=0,
            maximum=0.99,
        ),
        Column(
            "order_share",
            "Share of the cost paid at order; the rest is paid evenly to online",
            default=0.2,
            minimum=0,
            maximum=1,
        ),
        Column(
            "resale_loss",
            "Added to capital where resale at the end is doubted",
            default=0.0,
            minimum=0,
            maximum=10,
        ),
        text("permit_kind", "Permit that construction needs; blank: none"),
        Column(
            "order_at_risk", "Procurement may run beside the permit", kind="flag", default=False
        ),
        Column("refusal_probability", "Chance that the permit is refused", minimum=0, maximum=1),
        Column(
            "recovered_share",
            "Share of the payments recovered on refusal",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        *_months("procurement", "Months from order to delivery"),
        *_months("construction", "Months of construction"),
        *_months("commissioning", "Months of commissioning"),
        source(),
    ),
    key=("technology",),
    required=True,
)
TECHNOLOGY_COSTS = Table(
    "technology_costs",
    "Cost over time: capital by the year of coming online",
    "technology x year",
    (
        text("technology", "Technology", required=True, references="technologies.technology"),
        Column(
            "year",
            "Year of coming online",
            kind="integer",
            required=True,
            minimum=2000,
            maximum=2100,
        ),
        Column(
            "capex_index",
            "Capital over the base; linear between years, flat outside",
            required=True,
            minimum=0.01,
            maximum=100,
        ),
        source(),
    ),
    key=("technology", "year"),
    needed_for="costs that change over the years; catalog entries bring their own",
)
SITE_TECHNOLOGIES = Table(
    "site_technologies",
    "What may be built where; without a row nothing may",
    "site (or *) x technology; a row that names the site goes before *",
    (
        text(
            "site",
            "Site, or * for every site",
            required=True,
            references="sites.site",
            wildcard=True,
        ),
        text("technology", "Technology", required=True, references="technologies.technology"),
        Column(
            "max_mw",
            "Most that may stand; 0: not allowed here",
            unit="MW",
            required=True,
            minimum=0,
        ),
        Column("max_mwh", "Most stored energy; blank: 12 h x max_mw", unit="MWh", minimum=0),
        text(
            "profile", "Hourly availability or capacity factor; needed for variable", profile=True
        ),
        Column("capex_adder_usd_per_kw", "Local cost on top", unit="USD/kW", default=0.0),
        Column(
            "months_added",
            "Months added to construction here",
            unit="months",
            kind="integer",
            default=0,
            minimum=0,
        ),
        source(),
    ),
    key=("site", "technology"),
    needed_for="every technology: without a row it may not be built",
)
FUELS = Table(
    "fuels",
    "Fuel prices",
    "fuel x hub",
    (
        text("fuel", "Fuel", required=True),
        text("hub", "Hub; * for every hub without a row of its own", required=True, default="*"),
        Column(
            "price_usd_per_mmbtu",
            "Price in the money year, on top of the profile if any",
            unit="USD/MMBtu",
            required=True,
            usual=(-5, 50),
        ),
        text("price_profile", "Hourly price added to the constant", profile=True),
        Column(
            "price_growth_per_year",
            "Real growth",
            unit="1/year",
            default=0.0,
            minimum=-0.5,
            maximum=0.5,
        ),
        Column(
            "co2_t_per_mmbtu",
            "CO2 of burning it",
            unit="t/MMBtu",
            default=0.0,
            minimum=0,
            usual=(0, 0.12),
        ),
        Column(
            "counts_against_gas_limit",
            "Counts against the site's gas limit",
            kind="flag",
            default=False,
        ),
        source(),
    ),
    key=("fuel", "hub"),
    needed_for="technologies that burn a fuel",
)
