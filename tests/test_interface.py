"""The agents' interface: waiting for several things, own orders, routing, classes and objects as agents."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from scripted import BASE_NS, BUY, MS, SELL, VENUES, A, B, Stroke, near, scripted_run

from simulator.agents import BEST, Accepted, Cancelled, CancelRejected, Fill, OwnOrder, PhaseChange, Quote, Rejected, Wait
from simulator.errors import AgentError
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import parse_ts
from simulator.records import OrderType, Phase, Reject

SECOND = 1_000_000_000
IOC = OrderType.IOC


def test_any_of_gives_what_comes_first_and_at_one_instant_message_phase_trade_quote_in_this_order() -> None:
    got: list[Any] = []
    open_ns = parse_ts("2025-07-01T13:30:00Z") - BASE_NS

    def make(market: Any, orders: Any, rng: Any) -> Any:
        def everything(limit_ns: int | None = None) -> Wait:
            wait: Wait = market.any_of(
                market.quote(*A), market.trade(*A), market.phase_change("NASDAQ"), market.message(Fill), limit_ns=limit_ns
            )
            return wait

        orders.buy(*A, 9_990, 500)
        yield market.until(BASE_NS + open_ns - 500 * MS)
        market.read()
        for limit_ns in (None, None, None, None, 7):
            came = yield everything(limit_ns)
            got.append((market.now_ns - BASE_NS - open_ns, came))

    # 09:30: the phase changes; then a print with its fill and book row; then a row alone.
    strokes = [Stroke(open_ns + 5 * MS, *A, SELL, 9_990, 100), Stroke(open_ns + 9 * MS, *A, SELL, 9_999, 100)]
    scripted_run(strokes, near(make), start="2025-07-01T13:29:58Z", run_ns=4 * SECOND)
    phase, fill, after, row, last = got
    assert phase == (1_000, PhaseChange(BASE_NS + open_ns, Phase.CONTINUOUS, "NASDAQ"))
    # The fill and the print carry one stamp; the second wait, begun at that instant, finds neither: they have arrived.
    assert (fill[0], type(fill[1])) == (5 * MS + 1_000, Fill)
    assert (after[0], type(after[1])) == (5 * MS + 1_001, Quote)
    assert (row[0], type(row[1])) == (9 * MS + 1_000, Quote)
    assert last == (row[0] + 7, None)


def test_a_limit_of_any_of_is_the_least_of_all() -> None:
    times: list[int] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        for wait in (
            market.any_of(market.message(limit_ns=50), market.trade(*A, limit_ns=70)),
            market.any_of(market.message(limit_ns=500), market.wait(90)),
            market.any_of(market.any_of(market.message(), limit_ns=110), market.quote(*B)),
        ):
            assert (yield wait) is None
            times.append(market.now_ns - BASE_NS)

    scripted_run([], near(make))
    assert times == [50, 90, 110]


def test_quotes_of_any_venue_wake_and_say_which() -> None:
    got: list[Quote] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            got.append((yield market.quote("AAPL")))

    strokes = [Stroke((k + 1) * MS, "AAPL", venue, BUY, 9_000 + k, 100) for k, venue in enumerate(VENUES)]
    scripted_run([*strokes, Stroke(9 * MS, *B, BUY, 9_000, 100)], near(make))
    assert [(q.venue, q.bid_ticks, q.ts_ns - BASE_NS) for q in got] == [(v, 9_000 + k, (k + 1) * MS) for k, v in enumerate(VENUES)]


def test_what_an_earlier_wait_was_for_does_not_end_a_later_one() -> None:
    heard: list[tuple[int, Any]] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        def wait(which: Any) -> Any:
            came = yield which
            heard.append((market.now_ns - BASE_NS, came and (type(came), came.venue)))

        yield from wait(market.any_of(market.quote("AAPL"), market.trade(*A), limit_ns=MS))  # nothing happens so soon
        yield from wait(market.any_of(market.quote("AAPL", "NYSE"), market.message(Fill), limit_ns=10 * MS))
        yield from wait(market.wait(4 * MS))
        yield from wait(market.quote("AAPL", "ARCA", limit_ns=5 * MS))
        yield from wait(market.quote("AAPL", "IEX", limit_ns=20 * MS))

    strokes = [
        Stroke(2 * MS, *A, SELL, 9_990, 100),
        Stroke(3 * MS, *A, BUY, 9_990, 50),  # the print of the first wait, in the second
        Stroke(5 * MS, "AAPL", "NYSE", SELL, 9_991, 100),
        Stroke(6 * MS, "AAPL", "ARCA", SELL, 9_992, 100),  # while it waits for a time
        Stroke(12 * MS, "AAPL", "BATS", SELL, 9_993, 100),
        Stroke(30 * MS, "AAPL", "IEX", SELL, 9_994, 100),
    ]
    scripted_run(strokes, near(make))
    late = 1_000
    assert heard == [
        (MS, None),
        (5 * MS + late, (Quote, "NYSE")),
        (9 * MS + late, None),
        (14 * MS + late, None),
        (30 * MS + late, (Quote, "IEX")),
    ]


def test_own_orders_are_what_the_messages_say() -> None:
    looks: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        first = orders.buy(*A, 9_990, 300)
        second = orders.sell(*B, 10_010, 200)
        looks.append(market.own_orders())
        yield market.wait(MS)
        looks.append(market.own_orders())
        yield market.wait(10 * MS)
        looks.append((market.own_order(first), market.own_orders("JPM"), market.own_orders(venue="NASDAQ")))
        new = orders.replace(second, 10_005, 150)
        yield market.wait(MS)
        looks.append((market.own_order(second), market.own_order(new), market.position("AAPL"), market.cash_ticks("AAPL")))
        assert orders.cancel_all("AAPL") == 1
        assert orders.cancel_all(venue="IEX") == 0
        yield market.wait(MS)
        looks.append([o.ref for o in market.own_orders()])
        assert [type(m) for m in market.read(Cancelled, Fill)] == [Fill, Cancelled]
        assert [type(m) for m in market.read()] == [Accepted] * 3

    scripted_run([Stroke(5 * MS, *A, SELL, 9_990, 120)], near(make))
    sent = [
        OwnOrder(1, *A, BUY, OrderType.LIMIT, 9_990, 300, 300, False), OwnOrder(2, *B, SELL, OrderType.LIMIT, 10_010, 200, 200, False),
    ]  # fmt: skip
    accepted = [order._replace(is_accepted=True) for order in sent]
    assert looks[0] == sent
    assert looks[1] == accepted
    partly = accepted[0]._replace(left=180, filled=120, paid_ticks=120 * 9_990)
    assert looks[2] == (partly, [accepted[1]], [partly])
    assert looks[3] == (None, OwnOrder(3, *B, SELL, OrderType.LIMIT, 10_005, 150, 150, True), 120, -120 * 9_990)
    assert looks[4] == [3]


def test_an_order_to_the_best_venue_goes_where_the_price_is_best_then_the_size_then_the_listing() -> None:
    venues: list[str] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(50 * MS)
        for venue in (None, BEST):
            orders.buy("AAPL", venue, 10_010, 10, type=IOC)  # NYSE and IEX ask least, IEX shows more
            yield market.wait(MS)
        orders.sell("AAPL", None, 9_000, 10, type=IOC)  # ARCA bids most
        yield market.wait(MS)
        orders.sell("JPM", None, 9_000, 10, type=IOC)  # nobody bids: the listing venue
        orders.buy("JPM", None, 0, 10, type=OrderType.MARKET_ON_CLOSE)
        yield market.wait(MS)
        while (came := (yield market.message(limit_ns=1))) is not None:
            venues.append(came)

    asks = {"NASDAQ": (10_002, 500), "NYSE": (10_001, 200), "ARCA": (10_003, 900), "BATS": (10_002, 100), "IEX": (10_001, 300)}
    strokes = [Stroke(MS, "AAPL", v, SELL, *quote) for v, quote in asks.items()]
    strokes += [Stroke(2 * MS, "AAPL", "ARCA", BUY, 9_990, 100), Stroke(2 * MS, "AAPL", "NASDAQ", BUY, 9_980, 100)]
    market = scripted_run(strokes, near(make))
    fills = [m.venue for m in venues if isinstance(m, Fill)]
    assert fills == ["IEX", "IEX", "ARCA"]
    orders = market.agents()["lone"].arrow("orders").to_pylist()
    assert [(o["symbol"], o["venue"]) for o in orders] == [("AAPL", "IEX"), ("AAPL", "IEX"), ("AAPL", "ARCA"), ("JPM", "NYSE"), ("JPM", "NYSE")]


def test_a_routed_order_sees_the_past_by_its_latency() -> None:
    """A better price that has not reached the agent does not attract its order."""

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.until(BASE_NS + 10 * MS)
        orders.buy("AAPL", None, 10_010, 10)

    strokes = [Stroke(MS, "AAPL", "NYSE", SELL, 10_001, 200), Stroke(9 * MS, "AAPL", "ARCA", SELL, 10_000, 200)]
    for latency_ns, venue in ((2 * MS, "NYSE"), (MS // 2, "ARCA")):
        market = scripted_run(strokes, near(make, latency_ns={"*": latency_ns}))
        assert market.agents()["lone"].arrow("orders")["venue"].to_pylist() == [venue]


class Counter:
    """An agent as a class: made anew for each run."""

    def __init__(self, step: int = 1) -> None:
        self.step = step
        self.count = 0

    def run(self, market: Any, orders: Any, rng: Any) -> Any:
        while True:
            yield market.wait(100 * MS)
            self.count += self.step
            orders.buy(*A, 9_000 + self.count, 100)


def test_a_class_or_an_object_is_an_agent_and_starts_anew_in_each_run() -> None:
    ready = Counter(step=3)
    for make, arguments in ((Counter, {"step": 3}), (ready, {})):
        for _ in range(2):
            market = scripted_run([], near(make, arguments=arguments))
            prices = market.agents()["lone"].order_columns["price_ticks"].tolist()
            assert prices == [9_003, 9_006, 9_009, 9_012, 9_015, 9_018, 9_021, 9_024, 9_027]
    assert ready.count == 0


async def awaits(market: Any, orders: Any, rng: Any) -> None: ...


def yields_anothers(market: Any, orders: Any, rng: Any, box: dict[str, Any]) -> Any:
    box.setdefault("wait", market.wait(10))
    yield box["wait"]


def makes_a_wait(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    yield Wait(5)


def changes_a_wait(market: Any, orders: Any, rng: Any) -> Any:
    wait = market.wait(1)
    wait.until_ns = 7
    yield wait


def changes_a_message(market: Any, orders: Any, rng: Any) -> Any:
    orders.buy(*A, 9_990, 100)
    message = yield market.message()
    message.ref = 5


def in_a_helper(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    yield from wrong_helper(market)


def wrong_helper(market: Any) -> Any:
    yield market.wait(1)
    yield "a string"


def reaches_through(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    market.clock.run_until(0)


def asks_wrong_kind(market: Any, orders: Any, rng: Any) -> Any:
    yield market.message(Quote)


def wrong_side(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    orders.add("buy", *A, 1, 1)


def any_of_rubbish(market: Any, orders: Any, rng: Any) -> Any:
    yield market.any_of(market.wait(1), 5)


def reaches_the_desk(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    orders.ledger.counts[0] = 7


def misspells_a_method(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    market.last_trad("AAPL", "NASDAQ")


def sets_something(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)
    market.mood = "bullish"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (reaches_the_desk, "there is no 'ledger' here.*only buy, sell.*orders.ledger.counts"),
        (misspells_a_method, "there is no 'last_trad' here; did you mean last_trade"),
        (sets_something, "'mood' cannot be set here"),
        (makes_a_wait, "not made by hand.*yield Wait.5"),
        (changes_a_wait, "cannot be changed.*wait.until_ns = 7"),
        (changes_a_message, "AttributeError.*message.ref = 5"),
        (in_a_helper, 'yielded .a string..*yield "a string"'),
        (reaches_through, "AttributeError.*market.clock.run_until"),
        (asks_wrong_kind, "asked for messages of kind.*Accepted, Rejected"),
        (wrong_side, "side = 'buy'; it must be one of Side.BUY, Side.SELL"),
        (any_of_rubbish, "any_of takes.*got 5"),
    ],
)
def test_misuse_names_the_line(make: Any, says: str) -> None:
    with pytest.raises(AgentError, match=says) as caught:
        scripted_run([], near(make))
    assert f"{__file__}, line " in str(caught.value)


def test_anothers_wait_is_refused() -> None:
    box: dict[str, Any] = {}
    agents = [AgentSpec(name=name, make=yields_anothers, arguments={"box": box}) for name in ("a", "b")]
    with pytest.raises(AgentError, match="another agent's market"):
        scripted_run([], *agents)


def test_an_async_function_is_told_to_yield() -> None:
    with pytest.raises(AgentError, match="yield instead of await"):
        scripted_run([], near(awaits), run_ns=0)


# --- misbehaviour -----------------------------------------------------------------------------------------------------


def test_a_flood_is_refused_and_told_so_and_the_next_second_is_free() -> None:
    answers: list[tuple[int, Any]] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        for _ in range(2):
            for n in range(30):
                orders.buy(*A, 9_000 - n, 100)
            yield market.wait(SECOND)
        answers.extend((market.now_ns, m) for m in market.read())

    market = scripted_run([], near(make, max_messages_per_s=20), run_ns=3 * SECOND)
    kinds = [type(m) for _, m in answers]
    assert kinds.count(Accepted) == 40
    assert [m.reason for _, m in answers if isinstance(m, Rejected)] == [Reject.RATE_LIMIT] * 20
    result = market.agents()["lone"]
    assert (result.commands, result.refused, result.refusals) == (60, 20, {Reject.RATE_LIMIT: 20})
    assert result.arrow("orders")["reason"].to_pylist().count("RATE_LIMIT") == 20


def test_a_refused_cancel_that_overtakes_the_acceptance_leaves_the_order_known() -> None:
    """Four orders at one instant are stamped 1 ns apart; the refusal of a fifth command carries the instant itself and arrives first."""
    looks: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        refs = [orders.buy(*A, 9_000, 100) for _ in range(4)]
        orders.cancel(refs[3])
        yield market.wait(10 * MS)
        looks.append([type(m) for m in market.read()])
        looks.append([order.ref for order in market.own_orders()])
        yield market.wait(SECOND // 2)
        looks.append(market.position("AAPL"))

    market = scripted_run([Stroke(100 * MS, *A, SELL, 8_000, 1_000)], near(make, max_messages_per_s=4))
    assert looks == [[Accepted, CancelRejected, Accepted, Accepted, Accepted], [1, 2, 3, 4], 400]
    assert market.agents()["lone"].positions[0].shares == 400


def test_an_agent_that_never_yields_is_stopped_with_its_name() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(5)
        while True:
            with suppress(Exception):  # an agent that catches everything is stopped all the same
                len(market.symbols)

    with pytest.raises(AgentError, match=r"Agent 'lone' at .*has been running for 0.3 s without a yield") as caught:
        scripted_run([], near(make, max_wake_s=0.3))
    assert f"{__file__}, line " in str(caught.value)


def test_an_agent_that_takes_its_time_is_not_stopped() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        import time

        for _ in range(4):
            began = time.monotonic()
            while time.monotonic() - began < 0.25:
                pass
            yield market.wait(1)
        orders.buy(*A, 9_000, 100)

    market = scripted_run([], near(make, max_wake_s=0.6))
    assert market.agents()["lone"].commands == 1


def test_an_agent_that_answers_refusals_with_more_is_stopped() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            orders.buy(*A, 9_000, 100)
            yield market.message()

    with pytest.raises(AgentError, match=r"sent 100 times its max_messages_per_s of 20 within one second.*Reject.RATE_LIMIT"):
        scripted_run([], near(make, max_messages_per_s=20))


def test_endless_commands_without_a_yield_are_stopped() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            orders.cancel(orders.buy(*A, 9_000, 100))
        yield

    with pytest.raises(AgentError, match=r"sent 100,000 commands without a yield"):
        scripted_run([], near(make))


@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_a_rate_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(Exception, match="max_messages_per_s"):
        near(makes_a_wait, max_messages_per_s=value)


def test_a_limit_order_without_a_price_is_told_about_types() -> None:
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 0, 100)
        heard.append((yield market.message()))

    scripted_run([], near(make))
    assert [(m.reason, "type=OrderType.MARKET" in m.hint) for m in heard] == [(Reject.BAD_PRICE, True)]
