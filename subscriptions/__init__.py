"""What is pushed: the log of each group, followed live by the watchers of this process; knows no criteria."""
