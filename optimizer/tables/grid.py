"""`interconnections`, `interconnection_steps`, `tariffs`: what the grid offers."""

from optimizer.tables.column import BUILDING, WAITING, Column, Table, months_range, source, text

INTERCONNECTIONS = Table(
    "interconnections",
    "Offers of grid service; at most one is taken at a site",
    "site x offer",
    (
        text("site", "Site", required=True, references="sites.site"),
        text("offer", "Name of the offer", required=True),
        *months_range(
            "queue_months", "Months from the plan's start to a result", assumed=WAITING, default=0
        ),
        *months_range(
            "upgrade_months", "Months of grid upgrades after it", assumed=WAITING, default=0
        ),
        text("permit_kind", "Permit that the substation needs; blank: none"),
        *months_range(
            "procurement_months", "Substation: order to delivery", assumed=BUILDING, default=0
        ),
        *months_range(
            "construction_months", "Substation: construction", assumed=BUILDING, default=0
        ),
        Column(
            "upgrade_cost_usd",
            "Upgrades, paid once",
            unit="USD",
            default=0.0,
            minimum=0,
            usual=(0, 3_000_000_000),
        ),
        Column(
            "cost_usd_per_kw",
            "Substation for each kW of firm and flexible power",
            unit="USD/kW",
            default=0.0,
            minimum=0,
            usual=(0, 3_000),
        ),
        Column(
            "capacity_charge_usd_per_kw_year",
            "Yearly charge on firm and flexible power",
            unit="USD/kW-year",
            default=0.0,
            minimum=0,
            usual=(0, 500),
        ),
        Column(
            "life_years",
            "Life over which the cost is repaid",
            unit="years",
            default=30.0,
            minimum=0.1,
        ),
        Column(
            "curtailed_hours_per_year",
            "Flexible power is cut in that many dearest hours of a year",
            unit="h/year",
            kind="integer",
            default=0,
            minimum=0,
            maximum=8760,
        ),
        text(
            "curtailment_profile",
            "Hourly share of flexible power that is cut; replaces hours",
            profile=True,
        ),
        Column("export_mw", "Most that may be exported", unit="MW", default=0.0, minimum=0),
        source(),
    ),
    key=("site", "offer"),
    needed_for="sites with an offer of grid service",
)
INTERCONNECTION_STEPS = Table(
    "interconnection_steps",
    "Firm and flexible power by date: levels that never fall",
    "site x offer x date",
    (
        text("site", "Site", required=True, references="sites.site"),
        text("offer", "Offer", required=True, references="interconnections.offer"),
        Column("from_date", "From when, the first of a month", kind="date", required=True),
        Column(
            "firm_mw", "Power that is served in every hour", unit="MW", required=True, minimum=0
        ),
        Column(
            "flexible_mw", "Power that may be curtailed, on top", unit="MW", default=0.0, minimum=0
        ),
        source(),
    ),
    key=("site", "offer", "from_date"),
    needed_for="each offer of grid service",
)
TARIFFS = Table(
    "tariffs",
    "Price of imported and exported energy; further charges are in tariff_charges",
    "a tariff",
    (
        text("tariff", "Name", required=True),
        text("market", "Market whose price it is; must be the site's", required=True),
        Column(
            "energy_price_usd_per_mwh",
            "Constant part of the price",
            unit="USD/MWh",
            default=0.0,
            usual=(-100, 500),
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
            "export_price_share",
            "Export earns this share of the hourly profile price",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        Column(
            "export_price_usd_per_mwh",
            "Export earns this on top of that share",
            unit="USD/MWh",
            default=0.0,
            minimum=0,
            usual=(1, 300),
        ),
        text("export_price_profile", "Hourly price of export, on top", profile=True),
        Column(
            "net_billing",
            "Credits for export are not paid out beyond the month's energy charges",
            kind="flag",
            default=False,
        ),
        Column(
            "tax_share",
            "Tax on the charges of a bill, before credits for export",
            default=0.0,
            minimum=0,
            maximum=1,
            usual=(0.001, 0.3),
        ),
        Column(
            "co2_t_per_mwh",
            "CO2 of imported energy",
            unit="t/MWh",
            default=0.0,
            minimum=0,
            usual=(0, 1.5),
        ),
        text("co2_profile", "Hourly CO2 of imported energy; replaces the constant", profile=True),
        Column(
            "carbon_free_share",
            "Carbon-free share of imported energy, for reporting",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        source(),
    ),
    key=("tariff",),
    needed_for="sites with an offer of grid service",
)
