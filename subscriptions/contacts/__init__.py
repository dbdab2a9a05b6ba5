"""Following contacts: who watches which, and what membership changes they are told."""
