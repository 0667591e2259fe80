"""lobster-reconstructor's own book on our messages, against our book file after every message. See ``tests/peers.py``; ``FOLDER`` has pairs."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from lobster_reconstructor import LobsterSim, Orderbook
from lobster_reconstructor.lobster_sim import MatchingError
from lobster_reconstructor.orders import Order

LEVELS = 10


def main(folder: Path) -> int:
    total = 0
    for path in sorted(folder.rglob("*_message_*.csv")):
        book = Orderbook(LEVELS, path.name.split("_")[0], 100)
        wrong = 0
        with contextlib.redirect_stdout(io.StringIO()):
            found = LobsterSim(book, str(path), str(path).replace("_message_", "_orderbook_"))
            for n, row in enumerate(found.dataM.itertuples(index=False)):
                book.process_order(Order(row.Time, row.Type, row.OrderID, row.Size, row.Price, row.Direction))
                try:
                    found._check_books_match(LEVELS, n)
                except MatchingError:
                    wrong += 1
        print(f"{path.parent.name} {path.name}: {len(found.dataM):,} messages, {wrong} differ")
        total += wrong
    print(f"{total} differences")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
