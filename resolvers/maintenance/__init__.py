"""Work that no request starts: the step of the clock, verification and repair, and the steps after a restore."""
