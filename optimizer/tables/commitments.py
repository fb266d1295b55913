"""`commitments`: decisions already taken, for the view of readiness."""

from optimizer.tables.column import Column, Table, source, text

KINDS = ("permit", "option", "order", "contract", "interconnection")
LAND = "land"
"""What an option is on."""

COMMITMENTS = Table(
    "commitments",
    "Permits, options, orders and contracts that exist at the plan's start. They feed the view of "
    "readiness only: the plan is chosen and costed as if there were none",
    "a decision already taken",
    (
        text("commitment", "Name, such as the number of the contract", required=True),
        text("site", "Site it is for", required=True, references="sites.site"),
        text("kind", "What it is; interconnection: a filing or an agreement", required=True,
             allowed=KINDS),
        text(
            "item",
            "permit: its permit_kind; option: land; order: technology or block; contract: fuel, "
            "tariff or workload; interconnection: offer",
            required=True,
        ),
        text("variant", "Variant of a permit; blank: whichever the plan uses"),
        text("status", "filed: applied for; held: granted or signed", default="held",
             allowed=("filed", "held")),
        Column(
            "quantity",
            "order: MW or blocks; interconnection: MW, blank: all that the plan takes; contract: "
            "MMBtu/h of a fuel, MW of a tariff, MW IT of a workload; others: blank",
            minimum=0,
        ),
        Column("date", "Month in which it was filed or signed", kind="date", required=True),
        Column("expires", "Month from which it holds no more; blank: it does not end", kind="date"),
        Column("paid_usd", "Paid until the plan's start", unit="USD", default=0.0, minimum=0),
        Column("recovered_share", "Share of paid_usd that comes back on cancelling", default=0.0,
               minimum=0, maximum=1),
        Column("cancel_usd", "Fee owed on cancelling, on top of what is paid", unit="USD",
               default=0.0, minimum=0),
        source(),
    ),
    key=("commitment",),
    needed_for="the view of readiness, where something is already signed or filed",
)  # fmt: skip
