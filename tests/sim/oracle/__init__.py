"""Wrong rules, planted in the engine for a moment: the simulator's book-keeper must see each."""
