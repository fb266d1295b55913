"""`permits`, `components`, `supply`, `component_use`, `policies`: what limits the plan."""

from optimizer.tables.column import Column, Table, months_range, source, text

PERMITS = Table(
    "permits",
    "Permits by jurisdiction; variants of one kind are alternatives",
    "jurisdiction x kind x variant",
    (
        text("jurisdiction", "Whose permit", required=True),
        text("permit_kind", "Kind, as named by technologies, blocks and offers", required=True),
        text("variant", "Such as standard, expedited, major", required=True, default="standard"),
        *months_range("months", "Months from application to grant", required=True),
        Column(
            "cost_usd",
            "Cost, once for each site, kind and variant",
            unit="USD",
            default=0.0,
            minimum=0,
        ),
        Column(
            "max_nox_short_tons_per_year",
            "Potential to emit of all units built under it; blank: no threshold",
            unit="short tons/year",
            minimum=0,
        ),
        Column(
            "max_mw", "Power of all units built under it; blank: no threshold", unit="MW", minimum=0
        ),
        source(),
    ),
    key=("jurisdiction", "permit_kind", "variant"),
    needed_for="whatever names a permit_kind",
)
COMPONENTS = Table(
    "components",
    "Equipment whose deliveries all sites share",
    "a component",
    (
        text("component", "Name", required=True),
        text("unit", "What one slot is, such as MVA or unit"),
        Column(
            "stockable", "A slot not used by its date can be used later", kind="flag", default=True
        ),
        source(),
    ),
    key=("component",),
    needed_for="equipment that is scarce",
)
SUPPLY = Table(
    "supply",
    "Slots that can be delivered, by month",
    "component x month",
    (
        text("component", "Component", required=True, references="components.component"),
        Column("date", "Month of delivery, the first of a month", kind="date", required=True),
        Column("amount", "Slots delivered", required=True, minimum=0),
        source(),
    ),
    key=("component", "date"),
    needed_for="each component: without a row none is delivered",
)
COMPONENT_USE = Table(
    "component_use",
    "What needs how many slots",
    "component x user",
    (
        text("component", "Component", required=True, references="components.component"),
        text(
            "user_kind",
            "What uses it",
            required=True,
            allowed=("technology", "campus_block", "interconnection"),
        ),
        text("user", "Technology, block type or offer; * for all of the kind", required=True),
        Column("per_mw", "Slots for each MW", unit="1/MW", default=0.0, minimum=0),
        Column("per_unit", "Slots for each unit, block or connection", default=0.0, minimum=0),
    ),
    key=("component", "user_kind", "user"),
    needed_for="each component: what takes it",
)
POLICIES = Table(
    "policies",
    "Limits on the whole plan",
    "a limit",
    (
        text("policy", "Name of the limit", required=True),
        text(
            "kind",
            "What is limited",
            required=True,
            allowed=(
                "co2_cap",
                "co2_price",
                "budget",
                "allowed_unserved_share",
                "cfe_annual",
                "cfe_hourly",
                "hedged_share_min",
                "hedged_share_max",
                "counterparty_share_max",
                "security_cap",
            ),
        ),
        text(
            "scope",
            "CO2 of the site's own units, or with imported energy",
            default="total",
            allowed=("onsite", "total"),
        ),
        Column(
            "year", "Calendar year; blank: every year", kind="integer", minimum=2000, maximum=2100
        ),
        Column(
            "value",
            "t/year, USD/t, USD/year, share of load or USD, by kind",
            required=True,
            minimum=0,
        ),
        text(
            "applies_to",
            "Of carbon-free and hedged shares: each site, portfolio (all sites together) or a "
            "market (its sites together)",
            default="each site",
        ),
        Column(
            "grid_counts",
            "Of carbon-free shares: the clean share of the grid counts, by the hour",
            kind="flag",
            default=True,
        ),
        Column(
            "exports_count",
            "Of cfe_annual: clean energy that is exported counts",
            kind="flag",
            default=True,
        ),
        Column(
            "max_excess_share",
            "Of carbon-free shares: most that may be exported in a year, as a share of load; "
            "blank: no limit",
            minimum=0,
        ),
        Column(
            "additional_only",
            "Of carbon-free shares: only contracts marked additional, and own assets, count",
            kind="flag",
            default=False,
        ),
        Column(
            "deliverable_only",
            "Of carbon-free shares: only contracts in the site's own market count",
            kind="flag",
            default=False,
        ),
        source(),
    ),
    key=("policy",),
    needed_for="limits on carbon, matching, hedging or yearly spending",
)
