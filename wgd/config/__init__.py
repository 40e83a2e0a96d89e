"""The configuration: TOML files → a frozen `Config`, with every problem named by file, key and line.

`files` and `keys` read the disk; everything else here is pure.
"""
