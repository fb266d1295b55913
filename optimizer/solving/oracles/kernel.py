"""Exact dispatch of supplies in merit order and one storage, compiled.

The value of stored energy is a convex piecewise linear function of the state of charge. It is
kept as segments in ascending order of slope and carried backwards hour by hour (an infimal
convolution is a merge of two sorted lists); a forward pass then reads off the dispatch and
the prices. One pass over T hours takes T x (segments alive), some milliseconds a year.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NEAR = 1e-10
"""Lengths below this are nothing; a block is scaled so that its largest link is 1."""


@njit(cache=True, nogil=True)
def merit_order(cost, order):  # type: ignore[no-untyped-def]
    """Fill ``order`` (T, K) with the supplies of each hour from cheap to dear; cost (K, T)."""
    supplies, hours = cost.shape
    for t in range(hours):
        for k in range(supplies):
            at = k
            while at > 0 and cost[order[t, at - 1], t] > cost[k, t]:
                order[t, at] = order[t, at - 1]
                at -= 1
            order[t, at] = k


@njit(cache=True, nogil=True)
def _hour(load, t, caps, cost, order, dearest, power, eta, vom, slope, length):  # type: ignore[no-untyped-def]
    """Segments of one hour's cost over the energy taken from the store, slopes ascending.

    From -eta * power (full charge) to what discharge may replace. Returns their number.
    Where the dearest supply in use is paid for (negative cost), charging and discharging at
    once would waste energy at a profit; this is not done, and slopes are kept ascending.
    """
    supplies = len(caps)
    count = 0
    # Charging adds to the load: from the dearest supply downwards.
    low, high = load, load + power
    top = 0.0
    for i in range(supplies):
        top += caps[order[t, i], t]
    if high > max(low, top):
        slope[count] = -dearest / eta
        length[count] = (high - max(low, top)) * eta
        count += 1
    end = top
    for i in range(supplies - 1, -1, -1):
        k = order[t, i]
        begin = end - caps[k, t]
        a, b = max(begin, low), min(end, high)
        if b > a:
            slope[count] = -cost[k, t] / eta
            length[count] = (b - a) * eta
            count += 1
        end = begin
    # Discharging replaces supplies, the dearest first.
    charging = count
    low, high = max(0.0, load - power), load
    if high > max(low, top):
        slope[count] = -eta * (dearest - vom)
        length[count] = (high - max(low, top)) / eta
        count += 1
    end = top
    for i in range(supplies - 1, -1, -1):
        k = order[t, i]
        begin = end - caps[k, t]
        a, b = max(begin, low), min(end, high)
        if b > a:
            slope[count] = -eta * (cost[k, t] - vom)
            length[count] = (b - a) / eta
            count += 1
        end = begin
    if 0 < charging < count:
        for i in range(charging, count):
            slope[i] = max(slope[i], slope[charging - 1])
    return count


@njit(cache=True, nogil=True)
def backward(  # type: ignore[no-untyped-def]
    load, caps, cost, order, dearest, power, energy, eta, vom, keep, first, value, forced,
    slopes, lengths, offset,
):  # fmt: skip
    """Cost-to-go over the state of charge before each hour, from the last hour to the first.

    Hours run from ``first`` around the year. After the last one a stored MWh is worth
    ``value``; if ``forced`` >= 0, any distance from that state costs ``value``.
    ``keep`` is the share of the charge that an hour leaves. Segments of the state after hour
    number n are at ``offset[n + 1]``, ``offset[n]`` ends them. Returns whether they fitted.
    """
    hours = len(load)
    slope, length = np.empty(2 * len(caps) + 2), np.empty(2 * len(caps) + 2)
    count = 0
    if forced >= 0.0:
        slopes[0], lengths[0] = -value, min(forced, energy)
        slopes[1], lengths[1] = value, max(energy - forced, 0.0)
        count = 2
    else:
        slopes[0], lengths[0] = -value, energy
        count = 1
    start = 0
    offset[hours] = 0
    for n in range(hours - 1, -1, -1):
        t = (first + n) % hours
        new = _hour(load[t], t, caps, cost, order, dearest, power, eta, vom, slope, length)
        i, stop, j = start, start + count, 0
        write = stop
        if write + count + new + 1 > len(slopes):
            return False
        skip, room = eta * power, energy * keep
        count = 0
        while (i < stop or j < new) and room > NEAR:
            if j >= new or (i < stop and slopes[i] <= slope[j]):
                s, size = slopes[i], lengths[i]
                i += 1
            else:
                s, size = slope[j], length[j]
                j += 1
            if skip > 0.0:
                if size <= skip:
                    skip -= size
                    continue
                size -= skip
                skip = 0.0
            if size > room:
                size = room
            room -= size
            s *= keep
            if count and slopes[write + count - 1] == s:
                lengths[write + count - 1] += size / keep
            else:
                slopes[write + count] = s
                lengths[write + count] = size / keep
                count += 1
        offset[n] = write
        start = write
    offset[hours + 1] = start + count
    return True


@njit(cache=True, nogil=True)
def forward(  # type: ignore[no-untyped-def]
    load, caps, cost, order, dearest, power, energy, eta, vom, keep, first, value, begin,
    slopes, lengths, offset, made, unserved, charge, discharge, state, price, worth,
):  # fmt: skip
    """Dispatch and prices along the best path; fills the arrays after ``offset``.

    The path begins at the state ``begin``, or where a MWh is worth ``value`` if it is
    negative. Returns the state before the first and after the last hour.
    """
    hours, supplies = len(load), len(caps)
    slope, length = np.empty(2 * supplies + 2), np.empty(2 * supplies + 2)
    s = begin
    if begin < 0.0:
        s = 0.0
        k = offset[0]
        while k < offset[hours + 1] and slopes[k] < -value - 1e-12:
            s += lengths[k]
            k += 1
        s = min(s, energy)
    started = s
    before = value / keep
    for n in range(hours):
        t = (first + n) % hours
        new = _hour(load[t], t, caps, cost, order, dearest, power, eta, vom, slope, length)
        i, stop, j = offset[n + 1], offset[n], 0
        remaining = s * keep + eta * power
        left, right = -1e18, 1e18
        after, taken = 0.0, -eta * power
        while i < stop or j < new:
            if j >= new or (i < stop and slopes[i] <= slope[j]):
                this, size, stored = slopes[i], lengths[i], True
                i += 1
            else:
                this, size, stored = slope[j], length[j], False
                j += 1
            part = min(size, max(remaining, 0.0))
            if stored:
                after += part
            else:
                taken += part
            if remaining > NEAR:
                left = this
            remaining -= size
            if remaining < -NEAR:
                right = this
                break
        water = min(max(before, -right), -left)
        worth[t] = water
        before = water / keep
        demand = load[t]
        c = d = 0.0
        if taken < 0.0:
            c = -taken / eta
            demand += c
        else:
            d = taken * eta
            demand = max(0.0, demand - d)
        s = min(max(after, 0.0), energy)
        charge[t], discharge[t], state[t] = c, d, s
        missing, reached = demand, 0.0
        below, above = -np.inf, np.inf
        for i2 in range(supplies):
            k = order[t, i2]
            use = min(caps[k, t], missing)
            made[k, t] = use
            missing -= use
            reached += caps[k, t]
            if below == -np.inf and demand > NEAR and demand <= reached + NEAR:
                below = cost[k, t]
            if above == np.inf and demand < reached - NEAR:
                above = cost[k, t]
        if missing < NEAR:
            missing = 0.0
        unserved[t] = missing
        if above == np.inf:
            above = dearest
        if below == -np.inf:
            below = min(0.0, above) if demand <= NEAR else dearest
        target = min(max(below, eta * water), water / eta + vom)
        if c > NEAR:
            target = eta * water
        elif d > NEAR:
            target = water / eta + vom
        price[t] = min(max(target, below), above)
    return started, s
