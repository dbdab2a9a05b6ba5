"""Work that no request asks for: the step of the clock, verification and repair, restore."""
