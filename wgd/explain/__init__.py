"""`wgd explain`: a packet's way through this machine, step by step, and the first step that stops it. Pure.

`sight` is what was asked and observed, `leg` one end of the way (the peer who sends or who gets it), `steps`
what a step says. `tunnel`, `belonging`, `routing`, `calling`, `answering`, `passing`, `permitting` hold the
diagnoses, each a function with a name of its own, in the order in which a packet meets them; `journey` puts
them together, `telling` shows them. Nothing is guessed: what cannot be known here is told as unknown, and a ✗
always names the fact that decides it.
"""
