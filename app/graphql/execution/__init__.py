"""Running operations: concurrency limits, shared answers, and the bytes that go out."""
