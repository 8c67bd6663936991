"""The numbered migrations of the database of a D-TA in a network; see `milagro.stores.state.schema`."""
