"""`settings`: one row a key. Keys are declared like columns, values are read by their kind."""

from optimizer.tables.column import Column, Table, text

KEYS: tuple[Column, ...] = (
    text("case_name", "Short name of the case", default="case"),
    Column("plan_start", "First day of the plan, the first of a month", kind="date", required=True),
    Column(
        "reference_year",
        "Year whose hours and weekday order the profiles follow",
        kind="integer",
        default=2012,
        minimum=1980,
        maximum=2100,
    ),
    text("time_zone", "Zone of the hourly profiles (standard time all year)", default="UTC"),
    Column(
        "money_year",
        "Year of the dollars",
        kind="integer",
        default=2026,
        minimum=2000,
        maximum=2100,
    ),
    Column(
        "real_discount_rate",
        "Real discount rate of the objective",
        unit="1/year",
        default=0.07,
        minimum=0.0,
        maximum=0.5,
    ),
    Column(
        "inflation_per_year",
        "Inflation, by which nominal escalation of contracts is made real; needed only for it",
        unit="1/year",
        minimum=-0.1,
        maximum=0.5,
    ),
    text(
        "lead_times",
        "Which of the low, likely, high months the plan uses",
        default="likely",
        allowed=("low", "likely", "high"),
    ),
    Column(
        "unserved_price_usd_per_mwh",
        "Price of unserved energy; blank: max(10,000, 3 x delay price / 730, 1.5 x what a MW in one hour adds to bills)",
        unit="USD/MWh",
        minimum=0.0,
    ),
    Column(
        "fibre_ms_per_km",
        "Round-trip latency for each km of great-circle distance",
        unit="ms/km",
        default=0.015,
        minimum=0.0,
    ),
    Column(
        "gap", "Proven relative gap at which the run ends", default=0.01, minimum=0.0, maximum=1.0
    ),
    Column("time_limit_s", "Wall time of the whole command", unit="s", default=600.0, minimum=1.0),
    Column("seed", "Seed of everything that draws", kind="integer", default=0, minimum=0),
)

TABLE = Table(
    name="settings",
    meaning="What holds for the whole case",
    row_is="a key and its value",
    columns=(
        text("key", "Name of the setting", required=True),
        Column("value", "Its value", kind="any"),
        text("note", "Free text; not used by the model"),
    ),
    key=("key",),
    required=True,
)
