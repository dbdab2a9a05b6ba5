"""The composition root: only this package knows the settings, the web server and the command line."""
