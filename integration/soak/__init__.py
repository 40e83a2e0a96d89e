"""`make soak`: the mission's network, and a hostile second administrator."""
