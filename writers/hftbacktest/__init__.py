"""hftbacktest's npz files: the feed order by order (L3) and price by price (L2), and the latencies of an agent's orders."""
