"""The channels that clients subscribe to: books, tickers, candles, directory, fleet, account.
Pure."""
