"""What a device that has just logged in does with the devices of its user."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from milagro.roles import proofs
from milagro.roles.clock import Clock, unix_now
from milagro.roles.device_messages import (
    ConfirmDeviceRequest,
    ConfirmedDeviceAnswer,
    DevicesAnswer,
    DevicesRequest,
    RemovedAnswer,
    RemoveDeviceRequest,
)
from milagro.roles.messages import ConfirmationAnswer, HolderRequest
from milagro.roles.peer import Peer
from milagro.roles.wire import Message
from milagro.stores.urls import canonical_origin

if TYPE_CHECKING:
    from milagro.roles.client.device import DeviceFolder

Dial = Callable[[str], Peer]
Answer = TypeVar("Answer", bound=Message)
Statement = Callable[..., bytes]


class OwnDevices:
    """The devices of one user, as one of them asks for them."""

    def __init__(self, folder: DeviceFolder, dial: Dial, clock: Clock = unix_now) -> None:
        self._folder, self._dial, self._clock = folder, dial, clock

    def devices(self) -> DevicesAnswer:
        """The devices that are not removed. Raises: LoginNeeded and what the server refuses with"""
        return self._ask("/v1/devices", DevicesRequest, DevicesAnswer, proofs.devices)

    def remove(self, name: str) -> None:
        """Removes one for good. Raises: as `devices`; NotFound"""
        self._ask("/v1/devices/remove", RemoveDeviceRequest, RemovedAnswer, proofs.remove_device, name=name)

    def confirm(self, name: str, code: str) -> None:
        """Lets one that waits log in, which shows this code.

        Spec: spec/mpin.md#second-device
        Raises: as `devices`; NotFound, AuthenticationFailed if it shows another one
        """
        self._ask(
            "/v1/devices/confirm",
            ConfirmDeviceRequest,
            ConfirmedDeviceAnswer,
            proofs.confirm_device,
            name=name,
            code=code,
        )

    def standing(self) -> str:
        """Where this device itself stands: `active`, or `waiting` until another one confirms it."""
        path = "/v1/enrolments/confirm"
        return self._ask(path, HolderRequest, ConfirmationAnswer, proofs.confirmation).status

    def own_code(self) -> str:
        """The six digits that this device shows. Spec: spec/mpin.md#second-device"""
        return proofs.device_code(self._folder.record().identity)

    def _ask(
        self, path: str, request: type[HolderRequest], answer: type[Answer], statement: Statement, **about: Any
    ) -> Answer:
        record, at = self._folder.record(), self._clock()
        octets = statement(record.server_name, canonical_origin(record.server), record.identity, at, *about.values())
        signature = self._folder.stored_key().sign(octets)
        asked = request(identity=record.identity, at=at, signature=signature, **about)
        with self._dial(record.server) as server:
            return server.post(path, asked, answer)
