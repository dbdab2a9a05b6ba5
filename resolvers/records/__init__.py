"""Contacts, appointments and custom fields: creating, changing, importing and exporting them."""
