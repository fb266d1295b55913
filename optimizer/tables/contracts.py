"""`contracts`, `site_contracts`: power purchase agreements that are offered."""

from optimizer.tables.column import Column, Table, source, text

CONTRACTS = Table(
    "contracts",
    "Power purchase agreements on offer",
    "an offer",
    (
        text("contract", "Name of the offer", required=True),
        text(
            "kind",
            "Physical: delivers through the grid connection; sleeved: the same through the "
            "utility, for an adder; financial: settles against a price and delivers nothing",
            required=True,
            allowed=("physical", "sleeved", "financial"),
        ),
        text("market", "Market in which the plant stands", required=True),
        text("counterparty", "Who sells"),
        text(
            "shape",
            "As produced: by profile, whatever the plant makes; baseload: the same in every hour; "
            "shaped: by profile",
            default="as_produced",
            allowed=("as_produced", "baseload", "shaped"),
        ),
        text(
            "profile",
            "Hourly MWh for each MW of the contract; baseload without one: 1",
            profile=True,
        ),
        Column(
            "price_usd_per_mwh",
            "Price, or strike of a financial contract, in money of the money year",
            unit="USD/MWh",
            required=True,
            minimum=0,
            usual=(10, 300),
        ),
        Column(
            "adder_usd_per_mwh",
            "What the utility takes for each MWh that a sleeved contract delivers",
            unit="USD/MWh",
            default=0.0,
            minimum=0,
            usual=(0, 50),
        ),
        text(
            "escalation",
            "Whether escalation_per_year is above inflation (real) or with it (nominal)",
            default="real",
            allowed=("real", "nominal"),
        ),
        Column(
            "escalation_per_year",
            "Growth of price, floor and cap from the money year",
            unit="1/year",
            default=0.0,
            minimum=-0.5,
            maximum=0.5,
        ),
        Column(
            "settlement_floor_usd_per_mwh",
            "A financial contract settles as if the price were never below this; blank: no floor",
            unit="USD/MWh",
            usual=(-100, 200),
        ),
        Column(
            "settlement_cap_usd_per_mwh",
            "A financial contract settles as if the price were never above this; blank: no cap",
            unit="USD/MWh",
            usual=(0, 5_000),
        ),
        text(
            "hub_price_profile",
            "Hourly price at the hub or node at which it settles; blank: the site's energy price",
            profile=True,
        ),
        Column(
            "hub_price_growth_per_year",
            "Real growth of the price at the hub",
            unit="1/year",
            default=0.0,
            minimum=-0.5,
            maximum=0.5,
        ),
        Column(
            "basis_usd_per_mwh",
            "What the price at which it settles is above hub_price_profile, or without one above "
            "the site's energy price",
            unit="USD/MWh",
            usual=(-100, 100),
        ),
        Column(
            "no_payment_if_negative",
            "In hours of a negative price at the hub, else at the site, nothing is delivered, "
            "paid or settled",
            kind="flag",
            default=False,
        ),
        Column(
            "minimum_take_share",
            "Share of what is offered in a period that is paid for even if it is not taken",
            default=1.0,
            minimum=0,
            maximum=1,
        ),
        Column("term_years", "How long it stands", unit="years", required=True, minimum=0),
        Column("earliest_start", "It cannot start before", kind="date"),
        Column("carbon_free", "It counts as carbon-free", kind="flag", default=True),
        Column(
            "co2_t_per_mwh",
            "CO2 of its energy in the market-based account, if it is not carbon-free",
            unit="t/MWh",
            default=0.0,
            minimum=0,
            usual=(0, 1.5),
        ),
        Column(
            "additional",
            "Its plant is built for it; no: it would run anyway",
            kind="flag",
            default=True,
        ),
        Column(
            "construction_begun",
            "Whether the plant's construction has begun; for the report",
            kind="flag",
            default=False,
        ),
        Column(
            "chance_late",
            "Chance that the plant is late; for the report",
            minimum=0,
            maximum=1,
        ),
        Column(
            "months_late",
            "Expected months if it is late; for the report",
            unit="months",
            minimum=0,
        ),
        Column(
            "credit_security_usd_per_kw",
            "Security that the seller holds while the contract stands",
            unit="USD/kW",
            default=0.0,
            minimum=0,
            usual=(0, 500),
        ),
        Column(
            "security_rate_per_year",
            "What a dollar of security costs in a year",
            unit="1/year",
            default=0.02,
            minimum=0,
            maximum=0.5,
        ),
        Column(
            "allow_long",
            "It may be signed beyond the site's load: a contract that earns is then bought to its "
            "limit",
            kind="flag",
            default=False,
        ),
        source(),
    ),
    key=("contract",),
    needed_for="power that is bought by contract",
)
SITE_CONTRACTS = Table(
    "site_contracts",
    "Which contracts may be signed for which site",
    "site (or *) x contract",
    (
        text(
            "site",
            "Site, or * for every site",
            required=True,
            references="sites.site",
            wildcard=True,
        ),
        text("contract", "Contract", required=True, references="contracts.contract"),
        Column(
            "min_mw",
            "Least that can be signed; above 0 it is signed once, or not at all",
            unit="MW",
            default=0.0,
            minimum=0,
        ),
        Column("max_mw", "Most that may stand", unit="MW", required=True, minimum=0),
        source(),
    ),
    key=("site", "contract"),
    needed_for="each contract: without a row it is offered nowhere",
)
