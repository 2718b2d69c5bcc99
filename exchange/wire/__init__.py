"""What travels between the exchange and everyone else: messages, reasons, terms, codec. Pure."""
