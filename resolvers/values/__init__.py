"""Checks of single values: text, e-mail addresses, phone numbers and values of custom fields."""
