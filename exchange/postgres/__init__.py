"""PostgreSQL behind an exchange: its journal, what is read back from it, who may write. Shell."""
