"""Help while criteria are being written: preview, explanation, available fields and suggested values."""
