"""Looking over a deployment from the command line: what is wrong, and how to mend it."""
