"""The sheets ``assumptions`` and ``cashflow`` of plan.xlsx: the fixed plan's money in formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from optimizer.results.lines import Line
from optimizer.results.live import FIRST_ROW, SHEET, LiveMoney

CASHFLOW = "cashflow"
HEADS = ("category", "site", "item", "period", "quantity", "unit", "price", "factor", "times",
         "weight", "undiscounted USD", "discounted USD")  # fmt: skip
NOTES = {
    "quantity": "What the plan builds, buys or burns: fixed",
    "price": "USD of one unit, from the sheet assumptions",
    "factor": "Growth, annuity, interest during construction, share",
    "times": "How often it is paid within the horizon: months or passes",
    "weight": "Sum of the discount factors of these payments",
    "undiscounted USD": "quantity x price x factor x times",
    "discounted USD": "quantity x price x factor x weight",
}
UNDISCOUNTED, DISCOUNTED = "K", "L"


@dataclass(frozen=True)
class _Group:
    """A table of sums over the lines that share a text in one column."""

    head: str
    column: str
    names: list[str]
    of: Callable[[Line], str]


def add_live_sheets(book: Workbook, money: LiveMoney, total_cost: float) -> None:
    """Add both sheets.

    Parameters
    ----------
    book : workbook being written
    money : the plan's assumptions and lines
    total_cost : of the summary; stands beside what the formulas give
    """
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "head": book.add_format({"bold": True, "bottom": 1}),
        "bold": book.add_format({"bold": True}),
        "sum": book.add_format({"num_format": "#,##0;[Red]-#,##0", "bold": True}),
        "money": book.add_format({"num_format": "#,##0;[Red]-#,##0"}),
        "number": book.add_format({"num_format": "#,##0.00####"}),
        "free": book.add_format({"bg_color": "#FFF2CC", "num_format": "#,##0.######"}),
        "plain": book.add_format({"num_format": "#,##0.######"}),
        "words": book.add_format({"italic": True, "font_color": "#57606a"}),
    }
    _assumptions(book.add_worksheet(SHEET), money, formats)
    _cashflow(book.add_worksheet(CASHFLOW), money, total_cost, formats)


def _assumptions(sheet: Worksheet, money: LiveMoney, formats: dict[str, Format]) -> None:
    sheet.write_string(0, 0, "Assumptions of the plan's money", formats["title"])
    sheet.write_string(1, 0, "Change a yellow cell: the sheet cashflow recomputes what this plan "
                       "costs.", formats["words"])  # fmt: skip
    sheet.write_string(2, 0, "The plan itself stays as it is: at other prices another plan may be "
                       "better. Run the case again with --set to find it.", formats["words"])  # fmt: skip
    heads = ("table", "row", "name", "value", "unit", "meaning", "as planned")
    for place, head in enumerate(heads):
        sheet.write_string(FIRST_ROW - 2, place, head, formats["head"])
    for at, a in enumerate(money.assumptions.values(), start=FIRST_ROW - 1):
        for place, text in ((0, a.table), (1, a.row), (2, a.name), (4, a.unit), (5, a.meaning)):
            sheet.write_string(at, place, text)
        if SHEET in a.value.text:
            sheet.write_formula(at, 3, f"={a.value.text}", formats["free"], a.value.value)
        else:
            sheet.write_number(at, 3, a.value.value, formats["free"])
        sheet.write_number(at, 6, a.value.value, formats["plain"])
    sheet.freeze_panes(FIRST_ROW - 1, 0)
    for place, width in enumerate((20, 28, 34, 18, 18, 44, 18)):
        sheet.set_column(place, place, width)


def _cashflow(
    sheet: Worksheet, money: LiveMoney, total_cost: float, formats: dict[str, Format]
) -> None:
    lines = money.lines
    first_period = next(iter(money.periods))
    groups = [
        _Group("Category", "A", list(dict.fromkeys(x.category for x in lines)),
               lambda x: x.category),
        _Group("Site", "B", list(dict.fromkeys(x.site or "no site" for x in lines)),
               lambda x: x.site or "no site"),
        _Group("Period", "D", list(money.periods), lambda x: x.period or first_period),
    ]  # fmt: skip
    if money.summed:
        groups = groups[:2]
    head_row = 8 + sum(len(g.names) + 2 for g in groups)
    span = (head_row + 2, head_row + 1 + max(1, len(lines)))
    _totals(sheet, money, total_cost, span, formats)
    at = 8
    for group in groups:
        at = _sums(sheet, group, lines, at, span, formats)
    for place, head in enumerate(HEADS):
        sheet.write_string(head_row, place, head, formats["head"])
        if head in NOTES:
            sheet.write_comment(head_row, place, NOTES[head], {"x_scale": 1.6, "y_scale": 0.6})
    for row, line in enumerate(lines, start=head_row + 1):
        _line(sheet, row, line, "all" if money.summed else first_period, formats)
    for place, width in enumerate((22, 18, 24, 14, 18, 16, 18, 12, 9, 12, 20, 20)):
        sheet.set_column(place, place, width)
    sheet.freeze_panes(7, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _totals(
    sheet: Worksheet, money: LiveMoney, total_cost: float, span: tuple[int, int],
    formats: dict[str, Format],
) -> None:  # fmt: skip
    sheet.write_string(0, 0, "What this plan costs, in formulas", formats["title"])
    said = ("Payments within the horizon: annuities of what is built, upkeep, operation, delay. "
            "The sheet payments has the outlays by month.")  # fmt: skip
    if money.summed:
        said += (" There are so many payments that those of one site, category and price are "
                 "summed: prices may be changed, but growth, rates and dates stay as planned; "
                 "tables/costs.csv has each.")  # fmt: skip
    sheet.write_string(1, 0, said, formats["words"])
    total = money.total
    for row, name, text, value in (
        (3, "NPV of cost, USD", f"=SUM({DISCOUNTED}{span[0]}:{DISCOUNTED}{span[1]})", total),
        (5, "Change, USD", "=D4-D5", total - total_cost),
    ):
        sheet.write_string(row, 0, name, formats["bold"])
        sheet.write_formula(row, 3, text, formats["sum"], value)
    sheet.write_string(4, 0, "As planned (total_cost), USD", formats["bold"])
    sheet.write_number(4, 3, total_cost, formats["sum"])


def _sums(
    sheet: Worksheet, group: _Group, lines: list[Line], at: int, span: tuple[int, int],
    formats: dict[str, Format],
) -> int:  # fmt: skip
    """Sums by one column; exact matches, for a name may look like a condition."""
    for place, head in ((0, group.head), (3, "discounted USD"), (4, "as planned"), (6, "change"),
                        (10, "undiscounted USD")):  # fmt: skip
        sheet.write_string(at, place, head, formats["head"])
    of_name: dict[str, list[Line]] = {name: [] for name in group.names}
    for line in lines:
        of_name[group.of(line)].append(line)
    for row, (name, mine) in enumerate(of_name.items(), start=at + 1):
        usd = sum(x.usd for x in mine)
        paid = sum(x.quantity * x.price.value * x.factor.value * x.times for x in mine)
        keys = f"(${group.column}${span[0]}:${group.column}${span[1]}=$A{row + 1})"
        sheet.write_string(row, 0, name)
        for place, column, value in ((3, DISCOUNTED, usd), (10, UNDISCOUNTED, paid)):
            cells = f"{column}${span[0]}:{column}${span[1]}"
            sheet.write_formula(row, place, f"=SUMPRODUCT({keys}*{cells})", formats["money"], value)
        sheet.write_number(row, 4, usd, formats["money"])
        sheet.write_formula(row, 6, f"=D{row + 1}-E{row + 1}", formats["money"], 0.0)
    return at + len(group.names) + 2


def _line(sheet: Worksheet, row: int, line: Line, period: str, formats: dict[str, Format]) -> None:
    texts = ((0, line.category), (1, line.site or "no site"), (2, line.item),
             (3, line.period or period), (5, line.unit))  # fmt: skip
    for place, text in texts:
        sheet.write_string(row, place, text)
    sheet.write_number(row, 4, line.quantity, formats["number"])
    for place, made in ((6, line.price), (7, line.factor), (9, line.weight)):
        sheet.write_formula(row, place, f"={made.text}", formats["number"], made.value)
    sheet.write_number(row, 8, line.times, formats["number"])
    each = line.quantity * line.price.value * line.factor.value
    here = row + 1
    sheet.write_formula(row, 10, f"=E{here}*G{here}*H{here}*I{here}", formats["money"],
                        each * line.times)  # fmt: skip
    sheet.write_formula(row, 11, f"=E{here}*G{here}*H{here}*J{here}", formats["money"], line.usd)
