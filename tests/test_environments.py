"""Environments: the rules of gymnasium and pettingzoo, exact seeding, the same as an agent run by hand, and what is wrong is said."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test, parallel_seed_test

from simulator import AgentSpec, InputError, Market, OrderType, Side
from simulator.environments import FEATURES, Execution, MarketMaking, Random, Trading, Twap, evaluate, parallel_env
from simulator.environments.actions import take
from simulator.environments.seat import Seat
from simulator.records import NS_PER_S
from simulator.tape.sink import NullSink

IDS = ("equities/Execution-v0", "equities/MarketMaking-v0", "equities/Trading-v0")
SHORT: dict[str, Any] = {"steps": 6, "step_ns": NS_PER_S // 2, "warm_up_ns": NS_PER_S}


def played(env: Any, seed: int, actions: list[Any] | None = None, **options: Any) -> tuple[list[Any], list[Any]]:
    """An episode: what it gave at each step, and the actions, drawn unless they are given."""
    env.action_space.seed(seed)
    heard: list[Any] = [env.reset(seed=seed, options=options)]
    done: list[Any] = []
    is_over = False
    while not is_over:
        done.append(actions[len(done)] if actions is not None else env.action_space.sample())
        heard.append(env.step(done[-1]))
        is_over = heard[-1][2] or heard[-1][3]
    return heard, done


@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_finds_nothing(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(name, **SHORT).unwrapped)


@pytest.mark.parametrize("name", IDS)
def test_the_same_seed_and_actions_give_the_same_episode(name: str) -> None:
    first, actions = played(gymnasium.make(name, **SHORT).unwrapped, 5)
    again, _ = played(gymnasium.make(name, **SHORT).unwrapped, 5, actions)
    np.testing.assert_equal(first, again)
    info = first[0][1]
    options = {"market_seed": info["market_seed"], "start_ns": info["start_ns"]}
    repeated, _ = played(gymnasium.make(name, **SHORT).unwrapped, 99, actions, **options)
    np.testing.assert_equal(first, repeated)
    other, _ = played(gymnasium.make(name, **SHORT).unwrapped, 6, actions)
    assert not np.array_equal(first[-1][0], other[-1][0])


@pytest.mark.parametrize("name", IDS)
def test_stepped_from_outside_it_is_the_agent_run_by_hand(name: str) -> None:
    """One market runs its day in one go, with a seat that has all its actions from the start."""
    env: Any = gymnasium.make(name, **SHORT).unwrapped
    heard, actions = played(env, 8)
    scenario = env.episode.scenario
    seat = Seat("agent", env.task, (), env.seat.scheme, env.seat.steps, env.seat.step_ns)
    seat.first_ns, seat.side_sign = env.seat.first_ns, env.seat.side_sign

    def by_hand(market: Any, orders: Any, rng: Any) -> Any:
        seat.view, seat.orders = market, orders
        yield market.until(seat.first_ns)
        for n, action in enumerate(actions):
            seat.step = n
            seat.scheme.act(seat, action)
            yield market.wait(seat.step_ns)
            market.read()

    spec = AgentSpec(name="agent", make=by_hand, symbols=(env.task.symbol,))
    market = Market(replace(scenario, agents=(spec,)), NullSink())
    market.run_until(scenario.end_ns)
    env.episode.market.run_until(scenario.end_ns)
    assert market.result().digest_parts == env.episode.market.result().digest_parts
    result = market.agents()["agent"]
    assert result.fills > 0 or name == IDS[1]
    assert math.isclose(result.pnl_usd, heard[-1][4]["pnl_usd"], abs_tol=1e-9)


def test_a_plain_agent_that_trades_alike_leaves_the_same_rows() -> None:
    """Without anything of the environment's: one share more, and the comparison fails."""
    env: Any = gymnasium.make(IDS[2], **SHORT).unwrapped
    played(env, 3, [2, 1, 0, 0, 2, 1])
    scenario, first_ns = env.episode.scenario, env.episode.start_ns

    def plain(market: Any, orders: Any, rng: Any, most: int) -> Any:
        yield market.until(first_ns)
        for target in (most, 0, -most, -most, most, 0):
            missing = target - market.position("JPM") - sum(o.left if o.side == Side.BUY else -o.left for o in market.own_orders())
            quotes = [(market.best("JPM", venue), venue) for venue in market.venues]
            if missing > 0:
                far = sorted((q.ask_ticks, -q.ask_size, venue) for q, venue in quotes if q.ask_ticks)
            else:
                far = sorted((-q.bid_ticks, -q.bid_size, venue) for q, venue in quotes if q.bid_ticks)
            left, sent = abs(missing), {}
            for price, size, venue in far:
                if left and price <= far[0][0] + 1:
                    sent[venue] = min(left, -size)
                    left -= sent[venue]
            if left and missing:
                sent[far[0][2]] = sent.get(far[0][2], 0) + left
            for venue, size in sent.items():
                orders.add(Side.BUY if missing > 0 else Side.SELL, "JPM", venue, abs(far[0][0] + 1), size, type=OrderType.IOC)
            yield market.wait(NS_PER_S // 2)

    digests = []
    for most in (200, 201):
        spec = AgentSpec(name="agent", make=plain, arguments={"most": most}, symbols=("JPM",))
        market = Market(replace(scenario, agents=(spec,)), NullSink())
        market.run_until(scenario.end_ns)
        digests.append(market.result().digest_parts)
    env.episode.market.run_until(scenario.end_ns)
    assert digests[0] == env.episode.market.result().digest_parts != digests[1]


def test_rewards_add_up_to_what_the_venues_know() -> None:
    for name in IDS[1:]:
        env: Any = gymnasium.make(name, **SHORT).unwrapped
        heard, _ = played(env, 4)
        env.episode.market.run_until(env.episode.end_ns)
        assert math.isclose(sum(step[1] for step in heard[1:]), env.episode.market.agents()["agent"].pnl_usd, abs_tol=1e-9)
    for shares, side in ((300, "buy"), (300, "sell"), (200_000, "buy")):
        env = gymnasium.make(IDS[0], side=side, shares=shares, penalty_bps=7.0, **SHORT).unwrapped
        heard, _ = played(env, 4, [np.array([0.5, 1.0])] * 6)
        sign, arrival = (1 if side == "buy" else -1), env.seat.start.mark_usd
        after = env.seat.after
        left = shares - abs(after.shares)
        assert (left == 0) == (shares == 300)
        cost = -after.cash_usd + after.fees_usd + left * after.mark_usd * (sign + 7.0 / 10_000) - sign * shares * arrival
        assert math.isclose(-sum(step[1] for step in heard[1:]), cost / (shares * arrival) * 10_000, rel_tol=1e-9, abs_tol=1e-9)
        assert heard[-1][2]


@pytest.mark.parametrize("latency_ns", [1, 100_000, NS_PER_S])
def test_an_order_is_never_overfilled_whatever_the_latency(latency_ns: int) -> None:
    env: Any = gymnasium.make(IDS[0], shares=400, latency_ns=latency_ns, steps=20, step_ns=NS_PER_S // 5, warm_up_ns=2 * NS_PER_S).unwrapped
    for seed in range(4):
        heard, _ = played(env, seed)
        assert max(step[4]["shares"] for step in heard[1:]) <= 400


def test_a_maker_keeps_to_its_limit_by_one_quote() -> None:
    env: Any = gymnasium.make(IDS[1], max_position=100, size=100, steps=40, step_ns=NS_PER_S // 4, warm_up_ns=NS_PER_S).unwrapped
    heard, _ = played(env, 1, [np.zeros(2)] * 40)
    held = [abs(step[4]["shares"]) for step in heard[1:]]
    assert 0 < max(held) <= 200


def test_what_is_observed_is_what_has_been_heard() -> None:
    """An order is two seconds away, and its fill another two: at the end the venue knows of it and the agent does not."""
    late: Any = gymnasium.make(IDS[2], latency_ns=2 * NS_PER_S, observations=tuple(FEATURES), **{**SHORT, "warm_up_ns": 3 * NS_PER_S}).unwrapped
    heard, _ = played(late, 3, [2] * 6)
    assert [step[4]["shares"] > 0 for step in heard[1:]] == [False] * 4 + [True] * 2
    inventory = [float(step[0][list(FEATURES).index("inventory")]) for step in heard[1:]]
    assert inventory == [0.0] * 6
    seat = late.seat
    assert seat.touch().bid > 0
    quick: Any = gymnasium.make(IDS[2], latency_ns=1, observations=tuple(FEATURES), **SHORT).unwrapped
    assert played(quick, 2, [2] * 6)[0][1][0][list(FEATURES).index("inventory")] > 0


def test_a_halt_inside_an_episode_is_seen_and_nothing_trades() -> None:
    env: Any = gymnasium.make(IDS[2], **SHORT).unwrapped
    env.reset(seed=1)
    env.episode.market.halt("JPM")
    for _ in range(6):
        observation, reward, _, truncated, info = env.step(2)
        assert env.observation_space.contains(observation)
        assert (reward, info["shares"]) == (0.0, 0)
        assert observation[-1] == 1.0
    assert truncated
    order: Any = gymnasium.make(IDS[0], **SHORT).unwrapped
    order.reset(seed=1)
    order.episode.market.halt("JPM")
    steps = [order.step(np.array([0.5, 1.0])) for _ in range(6)]
    assert steps[-1][2]
    assert sum(step[1] for step in steps) < -9.9


def test_who_never_trades_earns_nothing_and_an_order_left_has_its_price() -> None:
    for name, idle in ((IDS[1], np.ones(2)), (IDS[2], 1)):
        settings = {"most_ticks": 5_000} if name == IDS[1] else {}
        heard, _ = played(gymnasium.make(name, **SHORT, **settings).unwrapped, 1, [idle] * 6)
        assert sum(abs(step[1]) for step in heard[1:]) == 0
        assert heard[-1][3]
    env: Any = gymnasium.make(IDS[0], penalty_bps=12.0, **SHORT).unwrapped
    heard, _ = played(env, 1, [np.zeros(2)] * 6)
    start, end = env.seat.start.mark_usd, env.seat.after.mark_usd
    assert math.isclose(-sum(step[1] for step in heard[1:]), ((end - start) + end * 12 / 10_000) / start * 10_000, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("name", "action", "message"),
    [
        (IDS[0], [0.5, math.nan], "must be 2 finite numbers"), (IDS[0], [0.5, 1.2], "Clip it"), (IDS[0], [0.5], "must be 2 finite"),
        (IDS[0], "fast", "must be 2 finite"), (IDS[1], [math.inf, 0], "must be 2 finite"), (IDS[2], 3, "a whole number from 0 to 2"),
        (IDS[2], 1.0, "a whole number from 0 to 2"), (IDS[2], -1, "a whole number from 0 to 2"), (IDS[2], None, "a whole number from 0 to 2"),
    ],
)  # fmt: skip
def test_an_action_that_cannot_be_is_refused_and_the_episode_goes_on(name: str, action: Any, message: str) -> None:
    env: Any = gymnasium.make(name, **SHORT).unwrapped
    env.reset(seed=1)
    with pytest.raises(InputError, match=message):
        env.step(action)
    env.step(env.action_space.sample())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps: got 0"), ({"steps": 30_000}, "30,000 steps of 1,000,000,000 ns take 30,000 s, longer than from 09:45 to 15:45"),
        ({"starts": ("09:00", "15:00")}, "within the session of 2025-07-01"), ({"starts": ("10:00", "9:00")}, "HH:MM"),
        ({"dates": "2025-07-04"}, "2025-07-04"), ({"dates": "yesterday"}, "YYYY-MM-DD"), ({"dates": ()}, "dates: got"),
        ({"symbol": "JPN"}, "JPM"), ({"step": 3}, "argument: got 'step'; Execution takes .* steps"), ({"latency_ns": 0}, "latency_ns: got 0"),
        ({"observations": ("spred",)}, "Did you mean spread|spread"), ({"observations": "spread"}, "a list of names"),
        ({"observations": ()}, "at least one"), ({"actions": "pase"}, "there is pace, menu"), ({"actions": 3}, "must be a name"),
        ({"reward": "profit"}, "there is shortfall, pnl"), ({"shares": 0}, "shares: got 0"), ({"side": "both"}, "buy, sell or either"),
        ({"rates": {"trades": 3}}, "there is market_data_min_eps"), ({"warm_up_ns": 0}, "warm_up_ns"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gymnasium.make(IDS[0], **settings)


def test_an_episode_beyond_the_day_and_steps_out_of_turn_are_refused() -> None:
    env: Any = gymnasium.make(IDS[0], **SHORT).unwrapped
    with pytest.raises(InputError, match="Call reset"):
        env.step(np.zeros(2))
    heard, _ = played(env, 1, [np.zeros(2)] * 6)
    with pytest.raises(InputError, match="The episode is over"):
        env.step(np.zeros(2))
    with pytest.raises(InputError, match="beyond the day's starts: it may begin from 2025-07-01 09:45:00"):
        env.reset(options={"start_ns": heard[0][1]["start_ns"] + 8 * 3_600 * NS_PER_S})


def test_observations_actions_and_rewards_may_be_ones_own() -> None:
    class Coin:
        def space(self, task: Any) -> Any:
            return gymnasium.spaces.Discrete(2)

        def act(self, seat: Seat, action: int) -> None:
            take(seat, Side(action), 10)

    env: Any = gymnasium.make(
        IDS[2], observations=("spread", lambda seat: seat.position() / 10), actions=Coin(), reward=lambda seat: float(seat.after.shares),
        steps=2, step_ns=NS_PER_S, warm_up_ns=NS_PER_S,
    ).unwrapped  # fmt: skip
    heard, _ = played(env, 1, [0, 0])
    assert [step[1] for step in heard[1:]] == [10.0, 20.0]
    assert heard[2][0].tolist()[1] == 2.0


def test_other_agents_and_dates_of_a_scenario_take_part() -> None:
    env: Any = gymnasium.make(
        IDS[0], scenario="parent_order", dates=["2025-07-02", "2025-07-03"], starts=("10:00", "12:30"), **SHORT
    ).unwrapped  # fmt: skip
    infos = [env.reset(seed=seed)[1] for seed in range(6)]
    days = {np.datetime64(info["start_ns"], "ns").astype("datetime64[D]").item().isoformat() for info in infos}
    assert days == {"2025-07-02", "2025-07-03"}
    assert set(env.episode.market.agents()) == {"parent", "agent"}
    env.step(env.action_space.sample())


def test_pettingzoos_tests_find_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(parallel_env(**SHORT), num_cycles=20)
        parallel_seed_test(lambda: parallel_env(**SHORT), num_cycles=4)


def test_several_agents_share_one_market() -> None:
    tasks = {"quoter": MarketMaking(), "early": Execution(shares=200), "late": Trading(latency_ns=50_000_000)}
    env: Any = parallel_env(tasks=tasks, **SHORT)
    _, infos = env.reset(seed=1)
    assert len({info["market_seed"] for info in infos.values()}) == 1
    heard = []
    while env.agents:
        actions = {"quoter": np.array([0.1, 0.1]), "early": np.array([1.0, 1.0]), "late": 2}
        heard.append(env.step({name: actions[name] for name in env.agents}))
    assert heard[-1][2] == {"quoter": False, "late": False}
    assert heard[-1][3] == {"quoter": True, "late": True}
    assert any(step[2].get("early") for step in heard[:-1])
    assert set(env.episode.market.agents()) == set(tasks)
    with pytest.raises(InputError, match="no episode going on"):
        env.step({})
    env.reset(seed=1)
    with pytest.raises(InputError, match="one for each of quoter, early, late"):
        env.step({"quoter": np.zeros(2)})
    with pytest.raises(InputError, match="must be Execution"):
        parallel_env(tasks={"a": "maker"})
    with pytest.raises(InputError, match="agent name: got 'maker'"):
        parallel_env(tasks={"maker": MarketMaking()})
    with pytest.raises(InputError, match="there is tasks, steps"):
        parallel_env(stepz=3)


def test_vectorised_over_processes_it_is_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of a fork beside a thread
        envs = gymnasium.make_vec(IDS[2], num_envs=2, vectorization_mode="async", vector_kwargs={"shared_memory": True, "context": "fork"}, **SHORT)
    try:
        first, infos = envs.reset(seed=[11, 12])
        heard = [first.copy()]
        for _ in range(2):
            observed, *_ = envs.step(np.array([2, 0]))
            heard.append(observed.copy())
    finally:
        envs.close()
    for n, (seed, action) in enumerate(((11, 2), (12, 0))):
        env: Any = gymnasium.make(IDS[2], **SHORT).unwrapped
        observed, info = env.reset(seed=seed)
        assert info["market_seed"] == infos["market_seed"][n]
        np.testing.assert_array_equal(observed, heard[0][n])
        for step in (1, 2):
            np.testing.assert_array_equal(env.step(action)[0], heard[step][n])


def test_policies_are_compared_in_common_markets() -> None:
    settings = {**SHORT, "shares": 300}
    twap, random = (evaluate(IDS[0], policy, "1..3", **settings) for policy in (Twap(), Random()))
    assert [each.seed for each in twap.episodes] == [1, 2, 3]
    assert all(each.shares == 300 for each in twap.episodes)
    assert twap.of().n == 3
    differences = [one.reward - two.reward for one, two in zip(twap.episodes, random.episodes, strict=True)]
    assert math.isclose(twap.minus(random).mean, float(np.mean(differences)))
    assert evaluate(IDS[0], Twap(), "1..3", **settings) == twap
