"""`sites`, `campus_blocks`: where one can build, and the halls that hold the IT load."""

from optimizer.tables.column import BUILDING, Column, Table, months_range, source, text

SITES = Table(
    "sites",
    "Candidate sites",
    "a candidate",
    (
        text("site", "Name of the site", required=True),
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
        text("jurisdiction", "Whose permits it needs (see permits)", required=True),
        text("market", "Electricity market, such as ERCOT", required=True),
        text("utility", "Utility that serves the site"),
        text("tariff", "Tariff of imported energy", references="tariffs.tariff"),
        text("gas_hub", "Hub at which the site buys fuel", default=""),
        Column(
            "land_km2",
            "Land that can be developed",
            unit="km2",
            required=True,
            minimum=0,
            usual=(0.02, 1_000),
        ),
        Column(
            "land_price_usd_per_km2",
            "Price of land",
            unit="USD/km2",
            default=0.0,
            minimum=0,
            usual=(10_000, 1_000_000_000),
        ),
        Column("opening_cost_usd", "Cost of opening, once", unit="USD", default=0.0, minimum=0),
        Column(
            "opening_months",
            "Months from the plan's start before construction may begin",
            unit="months",
            kind="integer",
            default=0,
            minimum=0,
        ),
        Column(
            "max_it_mw",
            "Most IT load that may stand",
            unit="MW",
            required=True,
            minimum=0,
            usual=(1, 10_000),
        ),
        Column(
            "fibre_latency_ms",
            "Round trip from the site to the backbone",
            unit="ms",
            default=0.0,
            minimum=0,
        ),
        Column(
            "water_limit_m3_per_year",
            "Water that may be used; blank: no limit",
            unit="m3/year",
            minimum=0,
            usual=(1_000, 1_000_000_000),
        ),
        Column(
            "cooling_water_m3_per_mwh",
            "Cooling water for each MWh of IT load",
            unit="m3/MWh",
            default=0.0,
            minimum=0,
            usual=(0, 10),
        ),
        Column(
            "gas_limit_mmbtu_per_hour",
            "Fuel that all gas units at full load may take; blank: no limit",
            unit="MMBtu/h",
            minimum=0,
        ),
        Column("pue", "Facility load for each MW of IT load", default=1.2, minimum=1, maximum=3),
        text("pue_profile", "Hourly PUE; replaces pue", profile=True),
        Column(
            "utc_offset_hours",
            "Standard time of the site, by which months and windows of a tariff go; blank: the "
            "time_zone of the settings",
            unit="h",
            minimum=-12,
            maximum=14,
        ),
        source(),
    ),
    key=("site",),
    required=True,
)
CAMPUS_BLOCKS = Table(
    "campus_blocks",
    "Halls that can be built",
    "site (or *) x block type",
    (
        text(
            "site",
            "Site, or * for every site",
            required=True,
            references="sites.site",
            wildcard=True,
        ),
        text("block", "Name of the block type", required=True),
        Column("it_mw", "IT load of one block", unit="MW", required=True, minimum=0.1),
        Column(
            "capex_usd_per_mw",
            "Overnight cost for each MW of IT load",
            unit="USD/MW",
            required=True,
            minimum=0,
            usual=(1_000_000, 50_000_000),
        ),
        Column(
            "fom_usd_per_mw_year",
            "Fixed operation and maintenance",
            unit="USD/MW-year",
            default=0.0,
            minimum=0,
            usual=(0, 3_000_000),
        ),
        Column("life_years", "Lifetime", unit="years", default=25.0, minimum=0.1),
        Column(
            "order_share",
            "Share of the cost paid at order; the rest is paid evenly to online",
            default=0.1,
            minimum=0,
            maximum=1,
        ),
        *months_range(
            "procurement_months", "Months from order to delivery", assumed=BUILDING, default=0
        ),
        *months_range(
            "construction_months", "Months of construction", assumed=BUILDING, default=12
        ),
        *months_range(
            "commissioning_months", "Months of commissioning", assumed=BUILDING, default=0
        ),
        Column(
            "max_blocks",
            "Most blocks at one site; blank: what max_it_mw allows",
            kind="integer",
            minimum=0,
        ),
        text("permit_kind", "Permit that construction needs; blank: none"),
        Column(
            "land_km2_per_mw",
            "Land for each MW of IT load",
            unit="km2/MW",
            default=0.0,
            minimum=0,
            usual=(0, 0.1),
        ),
        source(),
    ),
    key=("site", "block"),
    required=True,
)
