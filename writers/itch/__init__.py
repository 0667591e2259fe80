"""Nasdaq TotalView-ITCH 5.0: the layouts, the writer, and the replay of its files over MoldUDP64 and SoupBinTCP."""
