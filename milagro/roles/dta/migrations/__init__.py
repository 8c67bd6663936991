"""The numbered migrations of the database of a D-TA; see `milagro.stores.state.schema`."""
