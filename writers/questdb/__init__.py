"""The QuestDB writer: connection, schema, sink, backpressure, resuming; and a server of one's own."""
