"""Waking subscribers: once for many reasons, after a while, or by pushing to them directly."""
