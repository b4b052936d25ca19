"""The demo company, brought to life through the public API alone: `kith seed --demo`.

It may be run again: what is there already, by its name, number or address, is left as it is.
"""
