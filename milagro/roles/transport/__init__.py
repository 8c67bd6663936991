"""How requests reach a role and answers leave it: one list of operations, over HTTP and over gRPC.

    octets --protocol--> connection bounded, TLS, client certificate
           --front-----> id, trace, rate of the caller, how many are under way, who may call
           --transport-> the body, whole, in time, not too large; read into the operation's request model
           --front-----> a slot to run in, before the deadline
           --role------> the operation's handler
           --transport-> the answer model, or the one shape of an error

An operation is written down once (`operations`). Its HTTP route, its place in the OpenAPI document, its gRPC method and
its messages in the .proto file all come from there.
"""
