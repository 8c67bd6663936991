"""What operators do with accounts over the network, as `milagro mfa users` and `invite` do on the server's machine.

Every operation wants an operator's bearer token ([operators]); who did what to whom is logged.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from milagro.roles import logs
from milagro.roles.mfa.accounts import Accounts
from milagro.roles.mfa.records import DeviceState
from milagro.roles.mfa.service import canonical_name, invite
from milagro.roles.transport.operations import Caller, Operation
from milagro.roles.wire import DeviceName, Message, UnixTime, UserName

if TYPE_CHECKING:
    from milagro.roles.mfa.accounts import User
    from milagro.roles.mfa.operations import Desk
    from milagro.roles.mfa.records import Device
    from milagro.roles.transport.operations import Call, Handler

PAGE: Final = 100
_log = logs.logger(__name__)


class UsersRequest(Message):
    """A page of users: those after this name."""

    after: UserName | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = PAGE


class UserAnswer(Message):
    """One user, with the number of devices that are not removed."""

    user: str
    suspended: bool
    devices: int
    created: UnixTime
    last_login: UnixTime | None = None


class UsersAnswer(Message):
    """A page of users by name; `next` is what to ask for after it, absent on the last page."""

    users: list[UserAnswer]
    next: str | None = None


class UserRequest(Message):
    """One user."""

    user: UserName


class UserDeviceAnswer(Message):
    """One device of a user."""

    name: str
    identity_digest: str
    state: str
    locked: bool
    wrong_pins: int
    created: UnixTime
    last_login: UnixTime | None = None


class UserDevicesAnswer(Message):
    """A user, and the devices that are not removed."""

    user: UserAnswer
    devices: list[UserDeviceAnswer]


class RemoveUserRequest(Message):
    """A user, or one device of the user, to remove for good."""

    user: UserName
    device: DeviceName | None = None


class RemovedUserAnswer(Message):
    """What was removed."""

    user: str
    device: str | None = None


class SuspendedAnswer(Message):
    """Whether the user is suspended now."""

    user: str
    suspended: bool


class InviteRequest(Message):
    """A user to invite, for how many hours the code is good, and whether for taking the place of a device."""

    user: UserName
    hours: Annotated[int, Field(ge=1, le=720)] = 24
    replaces: bool = False


class InviteAnswer(Message):
    """The one-time code with which the user enrols a device."""

    user: str
    code: str
    expires: UnixTime


def list_users(desk: Desk, request: UsersRequest, _call: Call) -> UsersAnswer:
    """A page of users."""
    after = None if request.after is None else canonical_name(request.after)
    found = _accounts(desk).users(after, request.limit + 1)
    shown = found[: request.limit]
    return UsersAnswer(users=[_user(one) for one in shown], next=shown[-1].name if len(found) > len(shown) else None)


def user_devices(desk: Desk, request: UserRequest, _call: Call) -> UserDevicesAnswer:
    """A user's devices."""
    user = _accounts(desk).user(canonical_name(request.user))
    devices = [one for one in desk.service.records.devices(user.name) if one.state is not DeviceState.REMOVED]
    return UserDevicesAnswer(user=_user(user), devices=[_device(one) for one in devices])


def suspend_user(desk: Desk, request: UserRequest, call: Call) -> SuspendedAnswer:
    """The user, who is suspended now."""
    return _suspend(desk, request, call, suspended=True)


def resume_user(desk: Desk, request: UserRequest, call: Call) -> SuspendedAnswer:
    """The user, who may log in again."""
    return _suspend(desk, request, call, suspended=False)


def remove_user(desk: Desk, request: RemoveUserRequest, call: Call) -> RemovedUserAnswer:
    """What was removed."""
    name = canonical_name(request.user)
    device = None if request.device is None else canonical_name(request.device)
    if device is None:
        _accounts(desk).remove(name)
    else:
        desk.service.records.remove(name, device)
    _note("removed" if device is None else "removed a device of", name, call)
    return RemovedUserAnswer(user=name, device=device)


def invite_user(desk: Desk, request: InviteRequest, call: Call) -> InviteAnswer:
    """A one-time code."""
    now, lifetime = desk.service.now(), timedelta(hours=request.hours)
    code = invite(desk.service.records, request.user, now, lifetime, replaces=request.replaces)
    name = canonical_name(request.user)
    _note("invited", name, call)
    return InviteAnswer(user=name, code=code, expires=now + int(lifetime.total_seconds()))


def _suspend(desk: Desk, request: UserRequest, call: Call, *, suspended: bool) -> SuspendedAnswer:
    name = canonical_name(request.user)
    desk.service.records.suspend(name, suspended=suspended)
    _note("suspended" if suspended else "resumed", name, call)
    return SuspendedAnswer(user=name, suspended=suspended)


def _accounts(desk: Desk) -> Accounts:
    return Accounts(desk.service.records.state)


def _note(what: str, user: str, call: Call) -> None:
    _log.info(f"an operator {what} a user", operator=call.operator.subject if call.operator else "-", user=user)


def _user(user: User) -> UserAnswer:
    return UserAnswer(
        user=user.name,
        suspended=user.suspended,
        devices=user.devices,
        created=user.created,
        last_login=user.last_login,
    )


def _device(device: Device) -> UserDeviceAnswer:
    return UserDeviceAnswer(
        name=device.identity.device,
        identity_digest=device.identity.digest().hex(),
        state=device.state.value,
        locked=device.locked,
        wrong_pins=device.attempts,
        created=device.identity.issued_at,
        last_login=device.last_login,
    )


def _operation(
    name: str, summary: str, handler: Handler, request: type[Message], answer: type[Message], path: str
) -> Operation:
    return Operation(
        name, summary, handler, request, answer, f"/v1/operator/{path}", caller=Caller.OPERATOR, tag="operator"
    )


OPERATIONS: Final = (
    _operation("ListUsers", "The users, a page at a time.", list_users, UsersRequest, UsersAnswer, "users"),
    _operation("UserDevices", "One user's devices.", user_devices, UserRequest, UserDevicesAnswer, "users/devices"),
    _operation(
        "SuspendUser",
        "Refuses a user permits and logins, and ends all sessions and tokens.",
        suspend_user,
        UserRequest,
        SuspendedAnswer,
        "users/suspend",
    ),
    _operation("ResumeUser", "Undoes a suspension.", resume_user, UserRequest, SuspendedAnswer, "users/resume"),
    _operation(
        "RemoveUser",
        "Removes a user with all devices, or one device of the user, for good.",
        remove_user,
        RemoveUserRequest,
        RemovedUserAnswer,
        "users/remove",
    ),
    _operation(
        "InviteUser",
        "A one-time code to enrol a device with.",
        invite_user,
        InviteRequest,
        InviteAnswer,
        "users/invite",
    ),
)
