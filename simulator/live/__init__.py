"""A market to look at while it moves: what is seen of it (camera), a page for the browser (server, page.*), a view for notebooks."""
