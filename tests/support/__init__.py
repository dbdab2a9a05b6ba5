"""What tests share, one subject a module. Tests import from here and never from each other."""
