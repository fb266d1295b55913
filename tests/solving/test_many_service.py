"""Cases with many sites and grid service: what sites share beside demand, slots and budgets."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Size, inputs
from benchmarks.cases_service import SERVICE
from benchmarks.stages import staged
from optimizer.model.blocks import links
from optimizer.model.build import build
from optimizer.preparing.case import Case, prepare
from optimizer.results.verify import verify_plan
from optimizer.settings import RunOptions
from optimizer.solving.many import parts as splitting
from optimizer.solving.many.parts import Joint, Part
from optimizer.solving.many.shares import (
    OF_CASE,
    SitePlan,
    bound_together,
    broken,
    members_of_group,
    remaining,
    scaled,
)
from optimizer.solving.planning_arrays import JOINT, less, to_arrays
from optimizer.solving.solve import solve_case
from optimizer.solving.truth import operates

SHARED = (
    "matched_in_scope", "excess_in_scope", "hedged_in_scope", "shared_upgrade_paid",
    "grid_group_within_mw", "security_within_cap", "reassigned_within_signed",
)  # fmt: skip


@pytest.fixture(scope="module")
def service() -> tuple[Case, dict[str, Part], Joint]:
    """Eight sites in two markets over ten quarters with all grid service, split."""
    case = prepare(inputs(Size(8, quarters=10, areas=2, features=SERVICE)))
    parts, joint = splitting.split(case)
    assert {owner for owner, _ in joint.keys} >= set(SHARED)
    return case, parts, joint


def _plans(parts: dict[str, Part]) -> dict[str, SitePlan]:
    random = np.random.default_rng(5)
    made = {}
    for site, part in parts.items():
        x = random.uniform(0, 1, part.count)
        made[site] = SitePlan(site, x, 0.0, part.joint @ x)
    return made


def _rows(arrays: Any) -> dict[tuple[str, Hashable], tuple[float, dict[Any, float]]]:
    """Upper side and terms of each row over several sites, but for what waits."""
    found = {}
    for k, (owner, index) in enumerate(zip(arrays.row_owner, arrays.row_index, strict=True)):
        if owner in JOINT:
            row = arrays.matrix[k].tocoo()
            named = [arrays.variables[j] for j in row.col]
            terms = {
                (v.parent_block().index(), v.parent_component().local_name, v.index()): float(a)
                for v, a in zip(named, row.data, strict=True)
            }
            found[owner, index] = float(arrays.row_upper[k]), terms
    return found


def test_sites_planned_anew_keep_every_row_that_they_share_with_those_that_stand(
    service: tuple[Case, dict[str, Part], Joint],
) -> None:
    case, parts, joint = service
    plans = _plans(parts)
    planning = build(case)
    whole = _rows(to_arrays(planning))
    total = sum(plan.use for plan in plans.values())
    for sites in (list(parts)[:3], list(parts)[3:5], [list(parts)[1]]):
        some, used = remaining(case, joint, plans, sites, 0.5)
        planning = build(some)
        here = _rows(less(to_arrays(planning), used))
        own = sum(plans[s].use for s in sites)
        for k, key in enumerate(joint.keys):
            mine = {n: a for n, a in whole[key][1].items() if n[0] in sites}
            if key[0] in OF_CASE or not mine:
                continue
            side, terms = here[key]
            assert terms == pytest.approx(mine), key
            # What these sites use today is left to them, and no more than is free.
            free = max(0.0, joint.upper[k] - total[k])
            assert own[k] - 1e-9 <= side <= own[k] + free + 1e-9, key


def test_groups_together_have_no_more_than_there_is(
    service: tuple[Case, dict[str, Part], Joint],
) -> None:
    case, _, _ = service
    sites = list(case.sites)
    groups = [sites[:3], sites[3:4], sites[4:7]]
    among = [s for group in groups for s in group]
    made = [scaled(case, group, among) for group in groups]
    members = members_of_group(case)
    for name, most in case.grid_groups.items():
        shares = [m.grid_groups[name] for m in made]
        assert sum(shares) == pytest.approx(
            most if members[name] & set(among) else len(made) * most
        )
        for group, share in zip(groups, shares, strict=True):
            assert members[name] & set(group) or share in (0.0, most)
    for year, most in case.security_caps.items():
        assert sum(m.security_caps[year] for m in made) == pytest.approx(most)
    for name, upgrade in case.shared_upgrades.items():
        if upgrade.first_pays and {s for s, _ in upgrade.users} & set(among):
            assert sum(m.shared_upgrades[name].usd for m in made) == pytest.approx(upgrade.usd)


def test_sites_that_share_an_upgrade_or_grid_mw_are_dealt_out_together(
    service: tuple[Case, dict[str, Part], Joint],
) -> None:
    case, _, _ = service
    sites = list(case.sites)[::-1]
    together = bound_together(case, sites)
    assert sorted(s for some in together for s in some) == sorted(sites)
    place = {s: k for k, some in enumerate(together) for s in some}
    payers = [{s for s, _ in u.users} for u in case.shared_upgrades.values() if u.first_pays]
    assert payers and case.grid_groups
    for members in (*payers, *members_of_group(case).values()):
        assert len({place[s] for s in members}) == 1
    assert [sites.index(some[0]) for some in together] == sorted(
        sites.index(some[0]) for some in together
    )


def test_plans_that_do_not_fit_together_are_told(
    service: tuple[Case, dict[str, Part], Joint],
) -> None:
    _, parts, joint = service
    none = {s: replace(plan, use=np.zeros(joint.rows)) for s, plan in _plans(parts).items()}
    assert broken(joint, none) == []
    k = joint.keys.index(next(key for key in joint.keys if key[0] == "security_within_cap"))
    over = np.zeros(joint.rows)
    over[k] = 0.6 * joint.upper[k]
    both = {s: replace(none[s], use=over) for s in list(none)[:2]}
    assert broken(joint, both) == [joint.keys[k]]


def test_a_site_without_load_that_owes_clean_energy_is_asked() -> None:
    case = prepare(inputs(Size(4, quarters=10, areas=2, features=("matching",))))
    site = next(iter(case.sites.values()))
    names = links.names(case, site)
    x = np.zeros(len(names))
    assert not operates(site, names, x)
    x[next(k for k, name in enumerate(names) if name.startswith("owed_gwh:"))] = 1.0
    assert operates(site, names, x)


@pytest.mark.parametrize(
    "features",
    [("agreements",), ("contracts",)]
    + [pytest.param(f, marks=pytest.mark.full) for f in (("tariffs",), ("matching",), SERVICE)],
    ids="+".join,
)
def test_plan_and_bound_enclose_those_of_one_model(features: tuple[str, ...]) -> None:
    case = prepare(staged(4, 0, areas=2, features=features, months=2))
    few = solve_case(case, RunOptions(gap=0.01, time_limit_s=60, engine="few"))
    many = solve_case(case, RunOptions(gap=0.01, time_limit_s=60, engine="many"))
    assert many.report.bound <= few.report.objective * (1 + 1e-9)
    assert few.report.bound <= many.report.objective * (1 + 1e-9)
    assert many.report.objective <= 1.03 * few.report.objective
    for plan in (few, many):
        checked = verify_plan(case.inputs, plan.tables, plan.dispatch, plan.report.objective)
        assert checked.passed, checked.findings
