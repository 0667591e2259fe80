"""``python -m scenarios demo``, as a person starts and ends it: a server, views, a page that moves, and nothing left behind."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.questdb
ROOT = Path(__file__).parent.parent.parent


def test_the_demo_shows_a_market_and_ends_with_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    words = ("demo", "--symbols", "AAPL,JPM", "--processes", "1")
    process = subprocess.Popen([sys.executable, "-m", "scenarios", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        console = page = None
        for line in process.stderr:
            console = console or re.search(r"web console: (http://\S+),", line)
            page = re.search(r"http://127\.0\.0\.1:(\d+)/(\S+)/", line)
            if page:
                break
        assert console
        assert page
        connection = http.client.HTTPConnection("127.0.0.1", int(page[1]), timeout=60)
        connection.request("GET", f"/{page[2]}/frames?symbol=JPM")
        answer = connection.getresponse()
        frames = []
        while len(frames) < 3:
            line = answer.readline().decode()
            if line.startswith("data: "):
                frames.append(json.loads(line[6:]))
        answer.close()
        connection.close()
        assert frames[-1]["now_ms"] > frames[0]["now_ms"]
        assert "lag" in frames[-1]["run"]
        with urllib.request.urlopen(f"{console[1]}/exec?query=materialized_views()", timeout=30) as found:
            assert len(json.load(found)["dataset"]) == 5
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0, err
    assert "The demo's database is gone" in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("market_demo_*"))
