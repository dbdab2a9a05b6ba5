"""What each command of the program does, apart from how its words are read and its answers are printed."""
