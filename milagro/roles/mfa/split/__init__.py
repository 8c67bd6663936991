"""The server secret in shares: replicas of one MFA server that verify logins together, none of which has it whole.

    leading    the replica that the client speaks to: asks t - 1 others, decides, tells them if all was right
    joining    what the others do: derive the attempts, count them here, contribute, answer once, see the outcome
    counters   the attempts of each device, in a file of this machine alone
    dealt      the files that `milagro mfa split` wrote for this replica

    join --counted--> joined --answer, once--> answered --settle, all right--> attempts given back
           (a run that is not taken on is forgotten after a quarter of a minute)

Spec: spec/mpin.md#split-secret
"""
