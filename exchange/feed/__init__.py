"""What subscribers hear: books, tickers, candles, directory, fleet, account frames. Pure."""
