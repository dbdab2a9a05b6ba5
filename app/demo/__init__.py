"""The demo account: invented people, deterministic, with tags, custom fields, appointments and groups to watch."""
