"""`periods`, `regions`, `compute`, `workloads`, `demand`, `placement`: what compute is wanted."""

from optimizer.tables.column import Column, Table, source, text

PERIODS = Table(
    "periods",
    "The planning calendar; periods follow each other from the plan's start",
    "a planning period",
    (
        text("period", "Name of the period", required=True, example="2027-Q1"),
        Column("start", "First day, the first of a month", kind="date", required=True),
        Column(
            "months",
            "Length: within one calendar year, or whole calendar years",
            kind="integer",
            unit="months",
            required=True,
            minimum=1,
            maximum=240,
        ),
    ),
    key=("period",),
    required=True,
)
REGIONS = Table(
    "regions",
    "Places where compute is wanted",
    "a region",
    (
        text("region", "Name of the region", required=True),
        Column(
            "longitude",
            "Longitude, WGS 84",
            unit="degree",
            required=True,
            minimum=-180,
            maximum=180,
        ),
        Column(
            "latitude", "Latitude, WGS 84", unit="degree", required=True, minimum=-90, maximum=90
        ),
    ),
    key=("region",),
    required=True,
)
COMPUTE = Table(
    "compute",
    "Accelerator generations, from which the price of delay follows",
    "an accelerator generation",
    (
        text("accelerator", "Name", required=True),
        Column(
            "capex_usd_per_mw",
            "Purchase for each MW of IT load",
            unit="USD/MW",
            required=True,
            minimum=0,
            usual=(3_000_000, 100_000_000),
        ),
        Column(
            "life_months", "Economic life", unit="months", required=True, minimum=1, usual=(24, 120)
        ),
        Column(
            "margin_usd_per_mw_month",
            "Margin that a running MW earns in a month",
            unit="USD/MW-month",
            default=0.0,
            minimum=0,
        ),
        Column(
            "real_rate",
            "Real cost of capital of accelerators",
            unit="1/year",
            default=0.10,
            minimum=0,
            maximum=1,
        ),
        source(),
    ),
    key=("accelerator",),
    needed_for="workloads that name an accelerator instead of a price of delay",
)
WORKLOADS = Table(
    "workloads",
    "Classes of work",
    "a class of work",
    (
        text("workload", "Name", required=True, example="training"),
        Column(
            "max_latency_ms", "Highest round-trip latency; blank: anywhere", unit="ms", minimum=0
        ),
        Column(
            "load_factor",
            "IT load as a share of the placed MW, times the profile if any",
            default=1.0,
            minimum=0.01,
            maximum=1,
        ),
        text("load_profile", "Hourly IT load, share of placed MW; blank: flat", profile=True),
        text(
            "accelerator",
            "Accelerator whose idle value is the price of delay",
            references="compute.accelerator",
        ),
        Column(
            "delay_price_usd_per_mw_month",
            "Price of one MW missing for one month; blank: from the accelerator",
            unit="USD/MW-month",
            minimum=0,
        ),
    ),
    key=("workload",),
    required=True,
)
DEMAND = Table(
    "demand",
    "MW of IT load that should stand, by workload, region and period",
    "workload x region x period",
    (
        text("workload", "Class of work", required=True, references="workloads.workload"),
        text("region", "Where it is wanted", required=True, references="regions.region"),
        text("period", "When", required=True, references="periods.period"),
        Column(
            "it_mw",
            "MW of IT load wanted: a level, not an addition",
            unit="MW",
            required=True,
            minimum=0,
        ),
        Column(
            "max_backlog_mw",
            "Most that may be missing; blank: no limit; 0: a deadline",
            unit="MW",
            minimum=0,
        ),
    ),
    key=("workload", "region", "period"),
    required=True,
)
PLACEMENT = Table(
    "placement",
    "Cost or latency of serving a region from a site, where distance does not tell",
    "workload x region x site",
    (
        text("workload", "Class of work", required=True, references="workloads.workload"),
        text("region", "Region served", required=True, references="regions.region"),
        text("site", "Site that serves", required=True, references="sites.site"),
        Column(
            "cost_usd_per_mw_month",
            "Cost of each MW served so",
            unit="USD/MW-month",
            default=0.0,
            minimum=0,
        ),
        Column(
            "latency_ms",
            "Round trip; blank: from distance and the site's fibre",
            unit="ms",
            minimum=0,
        ),
    ),
    key=("workload", "region", "site"),
    needed_for="regions whose latency or cost distance does not tell",
)
