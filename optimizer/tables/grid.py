"""`interconnections`, `interconnection_steps`, `tariffs`: what the grid offers."""

from optimizer.tables.column import BUILDING, WAITING, Column, Table, months_range, source, text

INTERCONNECTIONS = Table(
    "interconnections",
    "Offers of grid service; at most one is taken at a site",
    "site x offer",
    (
        text("site", "Site", required=True, references="sites.site"),
        text("offer", "Name of the offer", required=True),
        text(
            "kind",
            "load: own units as the market allows; parallel: with a study of generation in "
            "parallel; co_located: behind the meter of a plant next door; islanded: from a plant "
            "that is not on the grid",
            default="load",
            allowed=("load", "parallel", "co_located", "islanded"),
        ),
        text(
            "status",
            "new: files at the next study window; filed: queue_months count from the plan's "
            "start; allocated: has its result",
            default="new",
            allowed=("new", "filed", "allocated"),
        ),
        *months_range(
            "queue_months",
            "Months from the plan's start, or from the study window, to a result",
            assumed=WAITING,
            default=0,
        ),
        Column("result_date", "Month of the result; replaces queue_months", kind="date"),
        Column(
            "study_window_date", "First month of a batch study; a new filing waits", kind="date"
        ),
        Column(
            "study_window_months",
            "Months from one window to the next; blank: there is only that one",
            unit="months",
            kind="integer",
            minimum=1,
        ),
        Column(
            "generation_study_months",
            "parallel: months of the study of own units, from the plan's start, beside the queue",
            unit="months",
            kind="integer",
            default=0,
            minimum=0,
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
        Column(
            "curtailed_energy_share",
            "Share of a year's flexible energy that may be cut, in the dearest hours",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        Column(
            "curtailed_system_hours",
            "Flexible power is cut in that many highest hours of system_load_profile",
            unit="h/year",
            kind="integer",
            default=0,
            minimum=0,
            maximum=8760,
        ),
        Column(
            "curtailment_unlimited",
            "Flexible power may be cut in every hour: only firm_floor_share of it counts",
            kind="flag",
            default=False,
        ),
        Column(
            "firm_floor_share",
            "Share of flexible power that stays when it is cut",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        Column(
            "emergency_hours_per_year",
            "Firm and flexible power are cut in that many highest hours of system_load_profile",
            unit="h/year",
            kind="integer",
            default=0,
            minimum=0,
            maximum=8760,
        ),
        Column(
            "emergency_share",
            "Share of firm power that stays in an emergency",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        Column(
            "emergency_notice_hours",
            "Notice of an emergency; shown beside it: the plan knows the hours of its year",
            unit="h",
            default=0.0,
            minimum=0,
        ),
        text("system_load_profile", "Load of the system, names its worst hours", profile=True),
        Column("export_mw", "Most that may be exported", unit="MW", default=0.0, minimum=0),
        Column(
            "feeds",
            "Independent feeds, each of which carries all",
            kind="integer",
            default=1,
            minimum=1,
        ),
        Column(
            "feed_outage_rate",
            "Share of time that a feed is out, for the availability shown",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        Column("exit_date", "Month from which a conditional stage serves no more", kind="date"),
        text(
            "shared_upgrade",
            "Upgrade that it needs with others",
            references="shared_upgrades.shared_upgrade",
        ),
        text(
            "grid_group",
            "Group of offers that do not add up",
            references="grid_groups.grid_group",
        ),
        Column(
            "existing_mw",
            "Firm MW of a connection that exists and can be transferred",
            unit="MW",
            default=0.0,
            minimum=0,
        ),
        Column(
            "transfer_months",
            "Months of the transfer, from the plan's start",
            unit="months",
            kind="integer",
            default=0,
            minimum=0,
        ),
        Column(
            "transfer_cost_usd", "Cost of the transfer, once", unit="USD", default=0.0, minimum=0
        ),
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
        text(
            "marginal_co2_profile",
            "Hourly CO2 of one more MWh, for reporting; blank: not reported",
            profile=True,
        ),
        Column(
            "carbon_free_share",
            "Carbon-free share of imported energy, for matching and reporting",
            default=0.0,
            minimum=0,
            maximum=1,
        ),
        text(
            "carbon_free_profile",
            "Hourly carbon-free share of imported energy; replaces the constant",
            profile=True,
        ),
        source(),
    ),
    key=("tariff",),
    needed_for="sites with an offer of grid service",
)
