"""The live page's server and what it shows, without a browser: who is let in, whose frame counts, and that no row hangs on it."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scenarios.launcher import main
from scenarios.launcher.terminal_view import picture
from scenarios.launcher.viewing import why_over
from scenarios.launcher.worker_messages import Failed
from scenarios.launcher.worker_pool import Outcome
from simulator.errors import InputError, LimitError
from simulator.inputs.sessions import parse_ts
from simulator.live import server as serving
from simulator.live.camera import Camera
from simulator.live.server import LiveServer
from simulator.market import Market
from simulator.records import NS_PER_S, CrossKind, Side
from tests.helpers import run, scenario
from tests.patience import takes_at_most


@pytest.fixture
def live() -> Iterator[LiveServer]:
    server = LiveServer(["AAPL", "JPM"])
    server.start()
    yield server
    if not server.over:
        server.close()


def ask(live: LiveServer, path: str, method: str = "GET", body: str | None = None, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read()


class Viewer:
    """A client that reads frames."""

    def __init__(self, live: LiveServer, symbol: str = "AAPL", step: int | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
        self._connection.request("GET", f"/{live.token}/frames?symbol={symbol}" + (f"&step={step}" if step else ""))
        self._answer = self._connection.getresponse()
        self.status = self._answer.status

    def next(self) -> dict[str, Any] | str:
        """The next frame; what the server says at its end."""
        while True:
            line = self._answer.readline().decode()
            if line.startswith("event: over"):
                return str(json.loads(self._answer.readline().decode().removeprefix("data: ")))
            if line.startswith("data: "):
                frame: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return frame
            if not line:
                return "nothing"

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


def wish(live: LiveServer, what: str, value: float = 0) -> tuple[int, str]:
    code, data = ask(live, f"/{live.token}/wish", "POST", json.dumps({"what": what, "value": value}))
    return code, json.loads(data)["refused"]


def test_only_this_machine_and_only_with_the_token(live: LiveServer) -> None:
    assert live.address.startswith("http://127.0.0.1:")
    assert ask(live, f"/{live.token}/")[0] == 200
    assert ask(live, "/")[0] == 403
    assert ask(live, f"/{live.token[:-1]}x/run")[0] == 403
    assert ask(live, f"/{live.token}/run", host="example.com")[0] == 403
    assert ask(live, "/wish", "POST", '{"what": "pause"}')[0] == 403
    assert ask(live, f"/{live.token}/../server.py")[0] == 404
    assert ask(live, f"/{live.token}/frames?symbol=IBM")[0] == 404
    assert ask(live, f"/{live.token}/frames?symbol=AAPL&step=7")[0] == 404
    assert json.loads(ask(live, f"/{live.token}/run")[1])["symbols"] == ["AAPL", "JPM"]
    other = socket.gethostbyname(socket.gethostname())
    if not other.startswith("127."):
        with socket.socket() as outside:
            outside.settimeout(2)
            assert outside.connect_ex((other, live.port)) != 0


def test_the_latest_frame_wins_and_nobody_waits_for_a_viewer(live: LiveServer) -> None:
    slow, quick = Viewer(live), Viewer(live)
    assert live.watched == ("AAPL",)
    with takes_at_most(5.0):
        for n in range(20_000):
            live.put("AAPL", {"n": n})
    seen = []
    while not seen or seen[-1] < 19_999:
        frame = quick.next()
        assert isinstance(frame, dict)
        seen.append(frame["n"])
    assert len(seen) < 2_000
    live.close("It is over.")
    assert quick.next() == "It is over."
    quick.close()
    slow.close()


def test_a_viewer_that_leaves_is_noticed_and_too_many_are_refused(live: LiveServer) -> None:
    viewers = [Viewer(live, "JPM") for _ in range(serving.VIEWERS_MAX)]
    refused = Viewer(live)
    assert refused.status == 503
    refused.close()
    for viewer in viewers:
        viewer.close()
    until_s = time.monotonic() + 20
    while live.watched and time.monotonic() < until_s:
        live.put("JPM", {"n": 0})
        time.sleep(0.05)
    assert live.watched == ()


def test_wishes(live: LiveServer) -> None:
    assert wish(live, "pause") == (200, "")
    assert wish(live, "step") == (200, "")
    assert wish(live, "speed", 60) == (200, "")
    assert (live.wishes.paused, live.wishes.steps, live.wishes.speed, live.wishes.number) == (True, 1, 60.0, 3)
    for what, value in (("dance", 0), ("speed", -1), ("speed", float("nan")), ("speed", 1e9)):
        code, refused = wish(live, what, value)
        assert code == 409
        assert refused
    for body in ("{", "[]", '{"what": 3}', "", "x" * 5_000):
        assert ask(live, f"/{live.token}/wish", "POST", body)[0] == 409
    assert live.wishes.number == 3
    live.paced = "It is real time."
    assert wish(live, "pause") == (409, "It is real time.")


def test_a_port_in_use_is_told(live: LiveServer) -> None:
    with pytest.raises(LimitError, match=f"--view_port.*{live.port}"):
        LiveServer(["AAPL"], port=live.port)


def test_viewers_are_told_why_a_run_has_ended() -> None:
    assert why_over(None) == why_over(Outcome()) == "The run has ended."
    stopped = Outcome(signal=signal.SIGINT)
    assert why_over(stopped) == "The run has ended: Stopped by Ctrl-C (SIGINT)."
    stopped.failed[0] = Failed(0, "The disk is full.", 1, 0)
    assert why_over(stopped) == "The run has ended: The disk is full."
    stopped.halt("For 30 s there was no answer from the database.")
    assert why_over(stopped) == "The run has ended: For 30 s there was no answer from the database."


# --- what is seen ----------------------------------------------------------------------------------------------------------


def test_a_frame_is_the_market_as_it_is() -> None:
    chosen = scenario()
    market = Market(chosen)
    camera = Camera(market)
    market.run_until(chosen.end_ns - 3 * NS_PER_S)
    frame = camera.look("AAPL")
    for venue in frame["venues"]:
        book = market.book("AAPL", venue["name"])
        for side, name in ((Side.BUY, "bids"), (Side.SELL, "asks")):
            assert [[round(p * 100), s] for p, s in venue[name]] == [list(level) for level in book.levels(side, 10)]
    bids = [v["bids"][0] for v in frame["venues"] if v["bids"]]
    assert frame["nbbo"][0] == max(p for p, _ in bids)
    assert frame["nbbo"][1] == sum(s for p, s in bids if p == frame["nbbo"][0])
    trades = market.pandas("trades")
    mine = trades[trades["symbol"] == "AAPL"].tail(1).iloc[0]
    assert frame["tape"][-1][1:3] == [mine["price"], mine["size"]]
    assert frame["phase"] == "continuous"
    assert frame["cross"]["kind"] == CrossKind.CLOSE.name
    assert json.loads(json.dumps(frame)) == frame
    with pytest.raises(InputError, match="IBM"):
        Camera(market).look("IBM")


def test_before_the_open_the_coming_cross_is_shown_and_a_halt_is_told() -> None:
    market = Market(scenario())
    market.run_until(market.scenario.start_ns + 8 * NS_PER_S)
    cross = Camera(market).look("AAPL")["cross"]
    assert (cross["kind"], cross["seconds"]) == ("OPEN", 2.0)
    assert cross["paired"] > 0
    market.run_until(market.scenario.start_ns + 14 * NS_PER_S)
    market.halt("AAPL")
    frame = Camera(market).look("AAPL")
    assert frame["phase"] == "halted"
    assert frame["halts"][0][0] == "AAPL"
    assert frame["cross"]["kind"] == "RESUME"


def test_looking_moves_no_row() -> None:
    chosen = scenario()
    unseen = run(chosen).result().digest_parts
    market = Market(chosen)
    camera = Camera(market)
    for ts_ns in range(chosen.start_ns, chosen.end_ns, NS_PER_S // 4):
        market.run_until(ts_ns)
        for symbol in market.symbols:
            camera.look(symbol)
    market.run_until(chosen.end_ns)
    assert market.result().digest_parts == unseen


WORDS = ("--scenario", "momentum", "--start_ts", "2025-07-01T13:29:55Z", "--end_ts", "2025-07-01T13:30:25Z", "--writer", "null")


def digest_of(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    assert main.main(words) == 0
    out = capsys.readouterr().out
    return next(line for line in out.splitlines() if line.startswith("Digest"))


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_is_chosen_on_the_page_changes_no_row(
    processes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A viewer pauses, steps, changes symbol and speed, and leaves."""
    words = (*WORDS, "--processes", processes)
    unseen = digest_of(words, capsys)
    told: list[Any] = []
    begin, begins_ms = LiveServer.start, parse_ts(WORDS[3]) / 1e6

    def look(live: LiveServer) -> None:
        try:
            with contextlib.closing(Viewer(live)) as viewer:
                for seconds in (8, 9):  # it waits there, however long the viewer takes
                    frame = viewer.next()
                    while isinstance(frame, dict) and frame["now_ms"] < begins_ms + 1_000 * seconds:
                        frame = viewer.next()
                    told.append(frame)
                    wish(live, "step")
            with contextlib.closing(Viewer(live, "MSFT")) as viewer:
                told.append(viewer.next())
                wish(live, "speed", 0)
                wish(live, "go")
                while isinstance(last := viewer.next(), dict):
                    pass
                told.append(last)
        except BaseException as error:
            told.append(error)
            wish(live, "go")

    thread: list[threading.Thread] = []

    def start(live: LiveServer) -> None:
        for wished in ("pause", *["step"] * 8):
            live.ask(wished, 0)
        begin(live)
        thread.append(threading.Thread(target=look, args=(live,)))
        thread[0].start()

    monkeypatch.setattr(LiveServer, "start", start)
    seen = digest_of((*words, "--view", "true", "--speed", "100"), capsys)
    thread[0].join(30)
    first, stepped, other, last = told
    assert (first["symbol"], stepped["symbol"], other["symbol"]) == ("AAPL", "AAPL", "MSFT")
    assert (first["now_ms"], stepped["now_ms"]) == (begins_ms + 8_000, begins_ms + 9_000)
    assert stepped["run"]["paused"] is True
    assert last == "The run has ended."
    assert seen == unseen


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (80, 40), (120, 24), (120, 60)])
def test_the_terminal_shows_it_at_any_width(width: int, height: int) -> None:
    """Before a cross, in a halt and afterwards: nothing is cut off, and nothing is too high."""
    market = Market(scenario())
    camera = Camera(market)

    def shown() -> str:
        console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
        console.print(picture(frame, {"rows": 10, "speed_now": "60", "lag": 5, "pauses": 1}, width, height))
        text: str = console.file.getvalue()  # type: ignore[attr-defined]
        assert max(map(len, text.splitlines())) <= width
        assert len(text.splitlines()) < height
        assert "…" not in text
        assert "NASDAQ" in text
        assert "database: 5 rows on their way, 1 pauses" in text
        return " ".join(text.split())

    market.run_until(market.scenario.start_ns + 8 * NS_PER_S)
    frame = camera.look("AAPL")
    cross = frame["cross"]
    assert f"opening cross in 0 min 02 s: {cross['paired']:,} paired at {cross['price']:,.2f}, {cross['imbalance']:,} left to " in shown()
    assert "no prints yet" in shown()
    market.run_until(market.scenario.end_ns)
    frame = camera.look("AAPL")
    frame["agents"] = [{"name": "a", "position": -200, "fills": 3, "worth": -1.5, "orders": [["B", frame["nbbo"][0], 100, "NYSE"]]}]
    assert f"◆{frame['nbbo'][0]:,.2f}" in shown()
    assert "a: -200 shares, 3 fills, -1.50 USD" in shown()
    assert f"{frame['tape'][-1][1]:,.2f} {frame['tape'][-1][2]:,} " in shown()
    market.halt("AAPL")
    frame = camera.look("AAPL")
    assert "halted: AAPL" in shown()
    frame["agents"], frame["halts"] = [], [["AAPL", "MWCB", None]]
    assert "halted: AAPL (MWCB), for the rest of the day" in shown()


def test_without_a_terminal_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main((*WORDS, "--processes", "1", "--view", "terminal")) == 0
    assert "stderr is no terminal" in capsys.readouterr().err
    assert main.main((*WORDS, "--view", "often")) == 2
    assert "--view" in capsys.readouterr().err


def test_a_view_of_a_market_in_this_process(tmp_path: Path) -> None:
    chosen = scenario()
    market = Market(chosen)
    with market.view() as view:
        viewer = Viewer(view._server)
        view.run_until(chosen.start_ns + 12 * NS_PER_S)
        frame = viewer.next()
        assert isinstance(frame, dict)
        assert frame["symbol"] == "AAPL"
        assert view.address in view._repr_html_()
        viewer.close()
        view.run_until(chosen.end_ns, speed=1e4)
        with pytest.raises(InputError, match="speed"):
            view.run_until(chosen.end_ns, speed=0)
    assert market.result().digest_parts == run(chosen).result().digest_parts
