"""`tariff_charges`, `site_tariffs`: what a bill is made of, and which tariffs a site may choose."""

from optimizer.tables.column import Column, Table, source, text

ENERGY, DEMAND, COINCIDENT = "energy", "demand", "coincident_peak"
FIXED, MINIMUM = "fixed", "minimum_bill"
KINDS = (ENERGY, DEMAND, COINCIDENT, FIXED, MINIMUM)
CONTRACT = "contract"
"""What hours of use are counted in, unless it is a demand charge of the tariff."""

TARIFF_CHARGES = Table(
    "tariff_charges",
    "Charges of a tariff beside its energy price: windows, demand, coincident peak, fixed, minimum",
    "tariff x charge x window x tier",
    (
        text("tariff", "Tariff", required=True, references="tariffs.tariff"),
        text("charge", "Name of the charge, as on the bill", required=True, example="on-peak"),
        text("window", "Name of the window, where a charge has several", default=""),
        Column("tier", "Number of the tier, from 1", kind="integer", default=1, minimum=1,
               maximum=20),
        text("kind", "What it is charged on", required=True, allowed=KINDS),
        Column("price_usd_per_mwh", "energy: added to the price in the window", unit="USD/MWh",
               usual=(0.5, 500)),
        Column("price_usd_per_kw_month", "demand, coincident_peak: each month, for billed demand",
               unit="USD/kW-month", minimum=0, usual=(0.3, 60)),
        Column("price_usd_per_kw_year", "coincident_peak: a year, for the mean of its peaks",
               unit="USD/kW-year", minimum=0, usual=(5, 400)),
        Column("price_usd_per_month", "fixed: while connected; minimum_bill: least of charges less credit",
               unit="USD/month", minimum=0, usual=(10, 20_000_000)),
        text("months", "Months of the window, such as 6-9 or 6,7,8,9; blank: all", default=""),
        text("weekdays", "Days of the window", default="all", allowed=("all", "weekday", "weekend")),
        text("hours", "Hours of the window by the site's clock, such as 14-20 (from 14:00 to "
             "20:00) or 7-11,17-21; blank: all", default=""),
        text("hours_profile", "Series of 0 and 1 that names the hours; replaces weekdays and hours",
             profile=True),
        Column("tier_to_mwh", "energy: the tier ends at this much in a month; blank: no end",
               unit="MWh/month", minimum=0),
        Column("tier_to_hours", "energy: the tier ends at this many kWh in a month for each kW of "
               "hours_of; blank: no end", unit="kWh/kW", minimum=0, usual=(10, 744)),
        text("hours_of", "Whose kW tier_to_hours counts: contract, or a demand charge of the "
             "tariff", default=CONTRACT),
        Column("tier_to_mw", "demand: the tier ends at this billed demand; blank: no end",
               unit="MW", minimum=0),
        Column("ratchet_share", "demand: bill at least this share of the highest demand of earlier "
               "months", default=0.0, minimum=0, maximum=1),
        Column("ratchet_months", "How many months back a ratchet looks; blank: 12, if "
               "ratchet_season is given", kind="integer", unit="months", minimum=1, maximum=60),
        text("ratchet_season", "Months whose demand a ratchet looks at, such as 6-9; blank: all",
             default=""),
        Column("peak_before_mw", "Highest metered demand before the plan's start, for ratchets",
               unit="MW", default=0.0, minimum=0),
        Column("minimum_share", "demand, coincident_peak: bill at least this share of contract MW",
               default=0.0, minimum=0, maximum=1),
        text("system_profile", "coincident_peak: load of the system, whose highest hours count",
             profile=True),
        Column("candidate_hours", "coincident_peak: so many highest system hours of each month (or "
               "of each of peak_days) may become the peak, and the highest use in them is billed",
               kind="integer", unit="h", default=1, minimum=1, maximum=744),
        Column("peak_days", "coincident_peak: only the days with the highest system load of the "
               "months, so many a year; blank: each month", kind="integer", minimum=1, maximum=365),
        source(),
    ),
    key=("tariff", "charge", "window", "tier"),
    needed_for="tariffs with more than an energy price",
)  # fmt: skip
SITE_TARIFFS = Table(
    "site_tariffs",
    "Further tariffs offered at a site: the plan chooses one for each period",
    "site x tariff",
    (
        text("site", "Site", required=True, references="sites.site"),
        text("tariff", "Tariff offered there, beside the tariff of the table sites", required=True,
             references="tariffs.tariff"),
        Column("from_date", "From when, the first of a month; blank: the plan's start",
               kind="date"),
        source(),
    ),
    key=("site", "tariff"),
    needed_for="sites that may choose among tariffs",
)  # fmt: skip
