"""Guards against the outcome, or the future, leaking into the inputs: in the engine, on every training and every check.

`known_time` and `canary` prove on each run that nothing was read before it was known; `overlap` finds features that are
made of what they predict; `alone` and `alarms` ring when something is too good to be true.
"""
