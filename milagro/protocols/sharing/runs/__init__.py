"""Runs of several parties: making a key that nobody holds, and giving it new shares.

    roster      who takes part, and how they sign and seal             broadcast   one statement each, the same for all
    engine      phases, steps, saving and restoring                    dealing     shares, complaints and answers
    transcript  what all sign at the end                               generation, resharing   the two runs

A party is a value that is told what arrived (`receive`) and when a step's time is up (`end_step`), and says what to
send. It touches no socket and no clock.

Spec: spec/sharing.md#runs
"""
