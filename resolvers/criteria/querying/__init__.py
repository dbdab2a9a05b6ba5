"""Compiling criteria to database queries."""
