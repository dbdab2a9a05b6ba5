"""The composition root: the only room that knows settings, the web server and the command line."""
