"""Servers that offer capacity: enrollment and presence. Pure."""
