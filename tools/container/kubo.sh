#!/bin/sh
# Starts a Kubo daemon that talks to no stranger, its API behind a socket; docs/operators/ipfs.md explains each setting.
set -eu
socket=${KUBO_SOCKET:-/run/kubo/api.sock}
umask 0007  # the socket, too: it is for the group, which the D-TAs are in
[ -e "$IPFS_PATH/config" ] || ipfs init --empty-repo >/dev/null
set_to() { ipfs config --json "$1" "$2"; }
set_to AutoConf.Enabled false
set_to AutoTLS.Enabled false
set_to Bootstrap '[]'
set_to Discovery.MDNS.Enabled false
set_to Swarm.DisableNatPortMap true
set_to Swarm.RelayClient.Enabled false
set_to Swarm.RelayService.Enabled false
set_to Swarm.EnableHolePunching false
set_to Swarm.Transports.Network.Relay false
set_to AutoNAT.ServiceMode '"disabled"'
set_to Routing.Type '"none"'
set_to Provide.Enabled false
set_to Pubsub.Enabled true
set_to Addresses.Gateway '[]'
set_to Addresses.Swarm '[]'
set_to Addresses.API "\"/unix$socket\""
rm -f "$socket"
exec ipfs daemon
