"""What users do with their own devices: look at them, and remove one that is lost.

Whoever asks shows the client key of a device that has logged in with its PIN just now. There is no cookie in it, so no
other page can have a browser do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from milagro.errors import Expired, InvalidSignature
from milagro.protocols.mpin.v2 import Identity
from milagro.roles import logs, proofs
from milagro.roles.device_messages import (
    DeviceAnswer,
    DevicesAnswer,
    DevicesRequest,
    RemovedAnswer,
    RemoveDeviceRequest,
)
from milagro.roles.mfa.records import DeviceState, check_usable
from milagro.roles.refusals import HolderNotProven, LoginNeeded, UnknownIdentity
from milagro.roles.transport.operations import Operation

if TYPE_CHECKING:
    from milagro.roles.messages import HolderRequest
    from milagro.roles.mfa.operations import Desk
    from milagro.roles.mfa.records import Device
    from milagro.roles.mfa.service import MfaService
    from milagro.roles.transport.operations import Call

RECENT_SECONDS: Final = 600
_FRESH_SECONDS: Final = 60
_log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class OwnDevices:
    """The devices of one user, for one of them that has just logged in."""

    service: MfaService

    def devices(self, request: DevicesRequest) -> DevicesAnswer:
        """The devices that are not removed.

        Raises: HolderNotProven, Expired, UnknownIdentity, Suspended, Locked, LoginNeeded
        """
        config = self.service.config
        statement = proofs.devices(config.name, config.origin, request.identity, request.at)
        asker = self.asker(request, statement).identity
        found = [
            device for device in self.service.records.devices(asker.user) if device.state is not DeviceState.REMOVED
        ]
        return DevicesAnswer(user=asker.user, devices=[_shown(device, asker) for device in found])

    def remove(self, request: RemoveDeviceRequest) -> RemovedAnswer:
        """Removes a device for good: its identity, its logins under way.

        Raises: as `devices`; NotFound
        """
        config, name = self.service.config, request.name
        statement = proofs.remove_device(config.name, config.origin, request.identity, request.at, name)
        asker = self.asker(request, statement).identity
        self.service.records.remove(asker.user, name)
        _log.info("a user removed a device", identity=asker.digest().hex())
        return RemovedAnswer(name=name)

    def asker(self, request: HolderRequest, statement: bytes) -> Device:
        """The device that asks, if it may.

        Raises: HolderNotProven, Expired, UnknownIdentity, Suspended, Locked, LoginNeeded
        """
        now, holder = self.service.now(), Identity.from_bytes(request.identity)
        try:
            proofs.verify(holder, request.signature, statement)
        except InvalidSignature:
            raise HolderNotProven("the request is not signed by the key that it speaks of") from None
        if abs(now - request.at) > _FRESH_SECONDS:
            raise Expired("the request is too old, or the clocks differ; try again")
        device = self.service.records.pinned(holder.user, holder.device)
        if device is None or device.identity != holder:
            raise UnknownIdentity("this server has no such device")
        check_usable(device)
        # The key alone, which needs no PIN, is not enough.
        if device.last_login is None or now - device.last_login > RECENT_SECONDS:
            raise LoginNeeded("log in with this device first")
        return device


def _shown(device: Device, asker: Identity) -> DeviceAnswer:
    return DeviceAnswer(
        name=device.identity.device,
        state=str(device.state),
        created=device.identity.issued_at,
        last_login=device.last_login,
        locked=device.locked,
        current=device.identity == asker,
    )


def show(desk: Desk, request: DevicesRequest, _call: Call) -> DevicesAnswer:
    """The user's devices."""
    return OwnDevices(desk.service).devices(request)


def remove(desk: Desk, request: RemoveDeviceRequest, _call: Call) -> RemovedAnswer:
    """The device is removed."""
    return OwnDevices(desk.service).remove(request)


OPERATIONS: Final = (
    Operation(
        "Devices",
        "The devices of a user, for one of them that logged in within the last ten minutes.",
        show,
        DevicesRequest,
        DevicesAnswer,
        "/v1/devices",
        tag="devices",
    ),
    Operation(
        "RemoveDevice",
        "Removes one of them for good.",
        remove,
        RemoveDeviceRequest,
        RemovedAnswer,
        "/v1/devices/remove",
        tag="devices",
    ),
)
