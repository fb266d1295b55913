"""Before a solve: sites that cannot serve are left out, the specialised oracle is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from optimizer.model.blocks import links
from optimizer.preparing.case import Case, Site
from optimizer.solving import seeds
from optimizer.solving.oracles import BlockOracle, Task


def idle(case: Case, site: Site) -> str:
    """Why a site can never do anything, by its own dates and sizes; "" if it can.

    It must have no hall that could ever come online, or no workload in reach, and no energy to
    sell or to be paid for taking.
    """
    if site.sells_energy or (site.offers and float(site.price.min()) < 0):
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


def usable(case: Case) -> tuple[Case, dict[str, str]]:
    """The case without its idle sites, and why each is left out; all stay if all are idle."""
    why = {name: reason for name, site in case.sites.items() if (reason := idle(case, site))}
    if not why or len(why) == len(case.sites):
        return case, {}
    return replace(case, sites={s: v for s, v in case.sites.items() if s not in why}), why


def probes(case: Case, seed: int) -> Iterator[Task]:
    """Mixes of blocks drawn by the seed, to hold one oracle against another."""
    random = np.random.default_rng(seed)
    names = list(case.sites)
    while True:
        site = names[int(random.integers(len(names)))]
        period = int(random.integers(len(case.periods)))
        tasks = list(seeds.mixes(case, site, period, links.names(case, case.sites[site])))
        yield tasks[int(random.integers(len(tasks)))]


def check_oracle(case: Case, oracle: BlockOracle) -> str:
    """Hold the specialised oracle against HiGHS in a few blocks; what was found."""
    return oracle.check(probes(case, int(case.inputs.setting("seed"))))
