"""The commands of the program, a module each: options and help text, and what the command does."""
