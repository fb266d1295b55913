"""Input tables: every column declared once."""

from optimizer.tables import (
    agreements,
    commitments,
    contracts,
    demand,
    grid,
    limits,
    settings,
    sites,
    tariffs,
    technologies,
)
from optimizer.tables.column import Column, Table

SETTINGS_KEYS = settings.KEYS
"""The keys of the table ``settings``, declared like columns."""

TABLES: tuple[Table, ...] = (
    settings.TABLE,
    demand.PERIODS,
    demand.REGIONS,
    demand.COMPUTE,
    demand.WORKLOADS,
    demand.DEMAND,
    sites.SITES,
    sites.CAMPUS_BLOCKS,
    technologies.TECHNOLOGIES,
    technologies.TECHNOLOGY_COSTS,
    technologies.SITE_TECHNOLOGIES,
    technologies.FUELS,
    grid.TARIFFS,
    tariffs.TARIFF_CHARGES,
    tariffs.SITE_TARIFFS,
    grid.INTERCONNECTIONS,
    grid.INTERCONNECTION_STEPS,
    contracts.CONTRACTS,
    contracts.SITE_CONTRACTS,
    agreements.SERVICE_AGREEMENTS,
    agreements.SHARED_UPGRADES,
    agreements.GRID_GROUPS,
    agreements.REGIMES,
    limits.PERMITS,
    limits.COMPONENTS,
    limits.SUPPLY,
    limits.COMPONENT_USE,
    limits.POLICIES,
    demand.PLACEMENT,
    commitments.COMMITMENTS,
)
"""All tables in the order in which one fills them in."""

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}

__all__ = ["BY_NAME", "SETTINGS_KEYS", "TABLES", "Column", "Table"]
