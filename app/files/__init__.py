"""Files of contacts: reading them in and writing them out."""
