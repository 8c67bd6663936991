"""The numbered migrations of a mailbox that has its own database; see `milagro.stores.state.schema`."""
