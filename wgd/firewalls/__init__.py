"""Whether another firewall drops what wgd permits, whose it is, and the command that would open it. Pure.

A drop in any table is final, whatever ours accepts. So the rules of all others are walked with the packets
that wgd permits: `listing` and `xtables` read them, `packets` matches, `walk` answers accepted, dropped or
unknown, `advice` knows whose a chain is and what that tool wants to be told, `gathering` which flows pass by
which devices, and `obstacles` asks the questions.
Nothing here is ever guessed: what cannot be decided is unknown, and says what could not be read.
"""
