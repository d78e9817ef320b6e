"""Synthesis by vendor and open tools."""
