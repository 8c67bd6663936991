"""The attempts at PINs outside the database, so that an older copy of it that is put back gives none of them back.

    journal    a file of each server process: every attempt before it is judged, every success
    guard      notices that the database is an older copy, merges the journals into it, and says who waits meanwhile
    witness    what the D-TAs keep of each server process: its number of starts and how long its journal is

Spec: spec/mpin.md#restores
"""
