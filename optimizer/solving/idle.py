"""Sites at which nothing can ever come online: they are neither asked nor learnt of."""

from __future__ import annotations

from dataclasses import replace

from optimizer.preparing.case import Case, Site


def idle(case: Case, site: Site) -> str:
    """Why a site can never do anything, by its own dates and sizes; "" if it can.

    It must have no hall that could ever come online, or no workload in reach, and no energy to
    sell or to be paid for taking.
    """
    if site.sells_energy or site.pays_for_use:
        return ""
    if site.max_it_mw <= 0:
        return "no IT may stand there"
    if not any(s == site.site for _, _, s in case.reach):
        return "no workload is within reach"
    powered = site.offers or any(not a.is_storage for a in site.assets)
    if not powered and case.allowed_unserved_share == 0:
        return "no power can reach it within the periods"
    for hall in site.halls:
        for variant in hall.variants:
            begun = variant.open_by[variant.possible]
            if site.can_open[begun[begun >= 0]].any():
                return ""
    return "no campus block can be online within the periods"


def idle_sites(case: Case) -> dict[str, str]:
    """Why each idle site is one; none if all are, so that their limits are told as clashing."""
    why = {name: reason for name, site in case.sites.items() if (reason := idle(case, site))}
    return why if len(why) < len(case.sites) else {}


def without(case: Case, names: dict[str, str]) -> Case:
    """The case without these sites."""
    return replace(case, sites={s: v for s, v in case.sites.items() if s not in names})
