"""A user's second device by the first: invited with a PIN, and confirmed by what it shows.

    first device: log in for this purpose --> a code, good once, ten minutes --QR code--> second device: enrols, waits
                  confirm: the six digits that the second one shows <----------------------'
                                                          --> it may log in

Whoever else gets hold of the code has a device that waits, and shows digits that the user never types.

Spec: spec/mpin.md#second-device
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from milagro.octets import equal
from milagro.roles import logs, proofs
from milagro.roles.device_messages import ConfirmDeviceRequest, ConfirmedDeviceAnswer, DeviceInvitationAnswer
from milagro.roles.messages import PassMessage
from milagro.roles.mfa import qr
from milagro.roles.mfa.devices import OwnDevices
from milagro.roles.mfa.logins import log_in
from milagro.roles.mfa.records import DeviceState
from milagro.roles.mfa.service import code_hash, new_code
from milagro.roles.purposes import ADD_DEVICE
from milagro.roles.refusals import MatchingCodeRefused, UnknownIdentity
from milagro.roles.transport.operations import Operation

if TYPE_CHECKING:
    from milagro.roles.mfa.operations import Desk
    from milagro.roles.transport.operations import Call

INVITATION_SECONDS: Final = 600
_log = logs.logger(__name__)


def invite(desk: Desk, request: PassMessage, call: Call) -> DeviceInvitationAnswer:
    """An invitation, for a login whose purpose it is."""
    who, service = log_in(desk, request, call, ADD_DEVICE), desk.service
    code, expires = new_code(), service.now() + INVITATION_SECONDS
    service.records.invite_from(code_hash(code), who.identity_digest, who.user, expires)
    _log.info("a user invited a device", identity=who.identity_digest.hex())
    link = f"{service.config.origin}/login#{urlencode({'enrol': code, 'user': who.user})}"
    return DeviceInvitationAnswer(**dict(who), code=code, expires=expires, link=link, qr=qr.rows(link))


def confirm(desk: Desk, request: ConfirmDeviceRequest, _call: Call) -> ConfirmedDeviceAnswer:
    """The device is active."""
    service, name = desk.service, request.name
    statement = proofs.confirm_device(
        service.config.name, service.config.origin, request.identity, request.at, name, request.code
    )
    asker = OwnDevices(service).asker(request, statement).identity
    device = service.records.pinned(asker.user, name)
    if device is None or device.state is not DeviceState.WAITING:
        raise UnknownIdentity("no device of this name waits")
    typed = "".join(request.code.split()).encode()
    if not equal(typed, proofs.device_code(device.identity.to_bytes()).encode()):
        raise MatchingCodeRefused("this is not the code that the other device shows")
    if not service.records.approve(device.identity.digest()):
        raise UnknownIdentity("no device of this name waits")
    _log.info("a user confirmed a device", identity=device.identity.digest().hex())
    return ConfirmedDeviceAnswer(name=name)


OPERATIONS: Final = (
    Operation(
        "InviteDevice",
        "A code for another device of the user, for the second pass of a login whose purpose is `add-device`.",
        invite,
        PassMessage,
        DeviceInvitationAnswer,
        "/v1/devices/invite",
        tag="devices",
    ),
    Operation(
        "ConfirmDevice",
        "Lets a device log in that was enrolled so, for one that logged in within the last ten minutes.",
        confirm,
        ConfirmDeviceRequest,
        ConfirmedDeviceAnswer,
        "/v1/devices/confirm",
        tag="devices",
    ),
)
