"""The messages about a user's own devices: listed, removed, invited, confirmed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from milagro.roles.messages import HolderRequest, LoginAnswer
from milagro.roles.wire import DeviceName, Message, UnixTime, UserName


class DevicesRequest(HolderRequest):
    """A request for the user's devices."""


class RemoveDeviceRequest(HolderRequest):
    """A request to remove the user's device of this name; the name is signed, too."""

    name: DeviceName


class DeviceAnswer(Message):
    """One device of the user."""

    name: str
    state: str
    created: UnixTime
    last_login: UnixTime | None = None
    locked: bool
    current: bool


class DevicesAnswer(Message):
    """The user's devices, by their names."""

    user: UserName
    devices: list[DeviceAnswer]


class RemovedAnswer(Message):
    """The device is removed."""

    name: str


class DeviceInvitationAnswer(LoginAnswer):
    """Who logged in, a one-time code for another device of that user, and the address that brings it there.

    `qr` is the address as a QR code, row by row.
    """

    code: str
    expires: UnixTime
    link: str
    qr: list[str]


class ConfirmDeviceRequest(HolderRequest):
    """A request to let the user's device of this name log in, with the code that it shows; both are signed, too."""

    name: DeviceName
    code: Annotated[str, Field(min_length=1, max_length=32)]


class ConfirmedDeviceAnswer(Message):
    """The device may log in."""

    name: str
