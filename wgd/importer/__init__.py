"""What another program was told about a WireGuard interface → files for wgd, with an account of every line.

Pure: text and observed objects in, text and key material out; the command line reads and writes. A key's
bytes never reach the text.
"""
