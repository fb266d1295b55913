"""`service_agreements` and what offers share: what a utility makes one sign, and what is lawful."""

from optimizer.tables.column import WAITING, Column, Table, months_range, source, text

SERVICE_AGREEMENTS = Table(
    "service_agreements",
    "Large-load agreements; an offer that has any is taken under exactly one of them",
    "site x offer x agreement",
    (
        text("site", "Site", required=True, references="sites.site"),
        text("offer", "Offer of grid service", required=True, references="interconnections.offer"),
        text("agreement", "Name of the agreement", required=True),
        Column("min_contract_mw", "Least that may be signed", unit="MW", default=0.0, minimum=0),
        Column("max_contract_mw", "Most that may be signed; blank: the offer's highest step",
               unit="MW", minimum=0),
        *(
            Column(f"ramp_year_{k}", f"Share of the contract MW in year {k} of service; later: 1",
                   default=1.0, minimum=0, maximum=1)
            for k in (1, 2, 3, 4)
        ),
        Column("demand_price_usd_per_kw_month", "Paid for the month's billed demand",
               unit="USD/kW-month", default=0.0, minimum=0, usual=(0.5, 60)),
        Column("minimum_demand_share", "Billed demand is at least this share of the ramped "
               "contract MW, whatever runs", default=0.0, minimum=0, maximum=1),
        Column("energy_price_usd_per_mwh", "Paid for energy that the month's minimum is short of",
               unit="USD/MWh", default=0.0, minimum=0, usual=(1, 300)),
        Column("minimum_energy_share", "Share of the ramped contract MW x hours of a month that "
               "must be taken or paid", default=0.0, minimum=0, maximum=1),
        Column("price_growth_per_year", "Real growth of both prices", unit="1/year", default=0.0,
               minimum=-0.5, maximum=0.5),
        Column("term_years", "Years of service in which the minimum is owed", unit="years",
               default=15.0, minimum=0),
        Column("study_fee_usd", "Paid when the study begins", unit="USD", default=0.0, minimum=0,
               usual=(0, 20_000_000)),
        Column("signing_months_before", "Months from signing to service", unit="months",
               kind="integer", default=0, minimum=0),
        Column("deposit_usd_per_kw", "Deposit for each kW of contract", unit="USD/kW", default=0.0,
               minimum=0, usual=(0, 1_000)),
        Column("deposit_months_after_signing", "When it is paid", unit="months", kind="integer",
               default=0, minimum=0),
        Column("deposit_refund_years", "Years of service after which it comes back; blank: never",
               unit="years", minimum=0),
        Column("deposit_refund_share", "Share that comes back then", default=1.0, minimum=0,
               maximum=1),
        Column("security_usd_per_kw", "Security outstanding from signing, for each kW of contract",
               unit="USD/kW", default=0.0, minimum=0, usual=(0, 3_000)),
        Column("security_release_years", "Released in equal parts at the end of each year of "
               "service over so many years", kind="integer", unit="years", default=5.0, minimum=1),
        Column("security_rate_per_year", "Yearly cost of carrying it", unit="1/year", default=0.0,
               minimum=0, maximum=0.5),
        Column("contribution_usd_per_kw", "Contribution to construction for each kW of contract, "
               "repaid over the offer's life", unit="USD/kW", default=0.0, minimum=0,
               usual=(0, 3_000)),
        Column("exit_fee_usd_per_kw", "For each kW of contract where service ends (exit_date) "
               "within the term", unit="USD/kW", default=0.0, minimum=0, usual=(0, 3_000)),
        Column("reducible_share", "Share of the contract MW that may be given up", default=0.0,
               minimum=0, maximum=1),
        Column("reducible_after_years", "Years of service before that", unit="years", default=4.0,
               minimum=0),
        Column("reduction_fee_usd_per_kw", "Fee for each kW given up", unit="USD/kW", default=0.0,
               minimum=0, usual=(0, 3_000)),
        Column("reassignable", "MW given up and signed elsewhere with the same utility in the same "
               "period pay no reduction fee", kind="flag", default=False),
        source(),
    ),
    key=("site", "offer", "agreement"),
    needed_for="offers that ask for a signature: minimum take, deposits, security",
)  # fmt: skip
SHARED_UPGRADES = Table(
    "shared_upgrades",
    "Upgrades of the grid that several offers need, once",
    "an upgrade",
    (
        text("shared_upgrade", "Name of the upgrade", required=True),
        Column("cost_usd", "Cost of the whole upgrade", unit="USD", required=True, minimum=0,
               usual=(0, 3_000_000_000)),
        *months_range("upgrade_months", "Months after an offer's result", assumed=WAITING,
                      default=0),
        text("rule", "first_pays: who connects first pays all of it; split: each offer that is "
             "taken pays one of so many equal shares", default="first_pays",
             allowed=("first_pays", "split")),
        Column("shares", "split: equal shares, others' included; blank: one for each offer that "
               "needs it", kind="integer", minimum=1),
        Column("life_years", "Life over which the cost is repaid", unit="years", default=30.0,
               minimum=0.1),
        source(),
    ),
    key=("shared_upgrade",),
    needed_for="offers that need the same upgrade",
)  # fmt: skip
GRID_GROUPS = Table(
    "grid_groups",
    "Offers of several sites that do not add up: the same MW are offered more than once",
    "a group of offers",
    (
        text("grid_group", "Name of the group", required=True),
        Column("shared_mw", "Firm and flexible MW that all its offers may take together",
               unit="MW", required=True, minimum=0),
        source(),
    ),
    key=("grid_group",),
    needed_for="rival offers at different sites",
)  # fmt: skip
INSTRUMENTS = {
    "retail_choice": "The energy may be bought from another than the utility",
    "third_party_physical_ppa": "A third party may deliver under a physical contract",
    "sleeved_ppa": "The utility may pass a contract on (sleeve)",
    "financial_ppa": "A contract may be settled financially",
    "islanded_self_supply": "Own units may run at a site that is not connected",
    "parallel_self_supply": "Own units may run at a site that is connected",
    "export": "Energy may be sold to the grid",
    "co_location": "A plant next door may be connected to behind its meter",
}
"""Columns of `regimes`: what is lawful."""
REGIMES = Table(
    "regimes",
    "What is lawful in a market; a market without a row forbids nothing",
    "market x jurisdiction",
    (
        text("market", "Market of sites", required=True, references="sites.market"),
        text("jurisdiction", "Only there; blank: all of the market"),
        *(
            Column(name, meaning, kind="flag", default=True)
            for name, meaning in INSTRUMENTS.items()
        ),
        source(),
    ),
    key=("market", "jurisdiction"),
    needed_for="markets that forbid an instrument",
)  # fmt: skip
