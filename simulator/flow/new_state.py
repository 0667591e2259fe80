"""The arrays of ``FlowState`` for a worker's symbols, with the profile's parameters in them."""

from __future__ import annotations

import numpy as np

from simulator.flow import NEVER_NS
from simulator.flow import state as st
from simulator.flow.impact import impact_table
from simulator.flow.price_look import BAND_COLUMNS, WINDOW_S
from simulator.flow.profile import Profile
from simulator.inputs.config import Scenario
from simulator.records import SEED_LEVELS

BLOCK_S = 3600
LEVELS_KEPT = SEED_LEVELS - 2
"""Levels that a side has in the usual case: two more than the most that can be shown, so that ``--levels`` moves no row."""


def new_state(scenario: Scenario, symbols: list[int], profile: Profile) -> st.FlowState:
    """Arrays for these symbols, with the profile's parameters filled in."""
    count, venues = len(symbols), len(scenario.universe.venues)
    parameter = np.zeros(st.PARAMETERS)
    parameter[st.P_ONE] = profile.one_share
    parameter[st.P_LOTS] = profile.lots_mean
    parameter[st.P_FLOW] = profile.variance_flow
    parameter[st.P_BLOCK] = profile.block_share
    parameter[st.P_SWEEP] = profile.sweep_share
    parameter[st.P_RESERVE] = profile.reserve_share
    parameter[st.P_HIDDEN] = profile.hidden_rate
    parameter[st.P_BUSY] = profile.half_spread_busy
    parameter[st.P_VENUE_ROWS] = profile.rows_a_venue
    parameter[st.P_LEVELS] = LEVELS_KEPT
    parameter[st.P_OPEN] = profile.open_share
    parameter[st.P_CLOSE] = profile.close_share
    parameter[st.P_SKEW] = profile.inventory_skew_ticks
    parameter[st.P_ARBITRAGE] = profile.arbitrage_ns
    parameter[st.P_PROTECTED] = profile.order_protection
    parameter[st.P_NEAR_LEAST], parameter[st.P_NEAR_MOST] = profile.near_shares
    parameter[st.P_AHEAD] = profile.answers_ahead
    parameter[st.P_NEAR_ODD] = profile.near_odd_share
    parameter[st.P_MOST : st.P_MOST + 3] = [profile.level_shares_most[k] for k in (1, 2, 3)]
    return st.FlowState(
        whole=np.zeros((count, st.WHOLES), np.int64),
        real=np.zeros((count, st.REALS)),
        repricing=np.full((count, venues), NEVER_NS, np.int64),
        parents=np.zeros((count, st.PARENT_SLOTS, 4), np.int64),
        hidden=np.zeros((count, 2, 5), np.int64),
        random=np.ones((count, 4), np.uint64),
        heap=np.arange(count, dtype=np.int64),
        venue=np.zeros((count, venues, 8)),
        seen=np.zeros((count, venues, st.SEEN_STATES, 3), np.int64),
        seen_at=np.zeros((count, venues), np.int64),
        target=np.zeros((count, LEVELS_KEPT + 12)),
        impact=impact_table(),
        parameter=parameter,
        open=np.zeros((count, BLOCK_S), np.int64),
        budget=np.zeros((count, BLOCK_S, 6), np.int32),
        path=np.zeros((count, BLOCK_S, st.PATHS)),
        mode=np.zeros((count, BLOCK_S), np.int8),
        bands=np.zeros((count, BAND_COLUMNS), np.int64),
        past=np.zeros((count, WINDOW_S + 1, 2), np.int64),
        news_at=np.full((count, st.NEWS_S, 2), NEVER_NS, np.int64),
        news=np.zeros((count, st.NEWS_S, 2)),
    )
