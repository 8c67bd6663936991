"""The client: a device that enrols once, keeps a token and a key, and logs in with a PIN.

key made --enrol--> identity pinned --shares from any t D-TAs--> client secret --PIN--> token kept, secret dropped
token + PIN + permit of the slot --pass 1, challenge, pass 2--> logged in
"""
