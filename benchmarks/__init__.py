"""Measurements that a claim rests on."""
