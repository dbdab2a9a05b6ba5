"""What tests share, one subject a module; tests import from here and never from each other."""
