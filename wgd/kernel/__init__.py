"""The only I/O towards the kernel: reads it into the kinds' specs and runs their ops.

What is wanted, and why, is decided elsewhere; nothing here remembers what it did.
"""
