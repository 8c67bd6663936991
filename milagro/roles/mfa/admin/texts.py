"""What the pages for administrators say. A language is one more `Texts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language. In braces stands what is filled in."""

    language: str
    administration: str
    log_out: str
    log_in: str
    find: str
    search: str
    users: str
    found: str
    nobody: str
    next_page: str
    first_page: str
    all_users: str
    one_device: str
    devices: str
    devices_title: str
    no_devices: str
    last_login: str
    never: str
    created: str
    active: str
    suspended: str
    pending: str
    locked: str
    attempts: str
    account: str
    suspend: str
    suspend_hint: str
    resume: str
    resume_hint: str
    remove: str
    remove_device: str
    yourself: str
    this_device: str
    invite: str
    invite_somebody: str
    invite_hint: str
    user_name: str
    good_for: str
    one_hour: str
    hours: str
    profile: str
    profile_hint: str
    name: str
    email: str
    groups: str
    groups_hint: str
    save: str
    remove_user_title: str
    remove_user_sure: str
    remove_device_title: str
    remove_device_sure: str
    remove_yes: str
    keep: str
    invited_title: str
    invited_text: str
    invited_once: str
    said_suspended: str
    said_resumed: str
    said_removed: str
    said_device: str
    said_profile: str
    said_again: str
    not_logged_in: str
    logged_in_as: str
    no_such_page: str
    no_such_user: str
    refused: str
    own_account: str
    own_groups: str
    over: str


EN: Final = Texts(
    language="en",
    administration="Administration",
    log_out="Log out",
    log_in="Log in",
    find="Find a user by name",
    search="Search",
    users="Users",
    found="Users with “{text}” in their names",
    nobody="There is nobody.",
    next_page="Next page",
    first_page="First page",
    all_users="All users",
    one_device="1 device",
    devices="{count} devices",
    devices_title="Devices",
    no_devices="No devices",
    last_login="last login {time}",
    never="never logged in",
    created="since {time}",
    active="active",
    suspended="suspended",
    pending="not confirmed yet",
    locked="locked",
    attempts="{count} of 3 wrong PINs",
    account="Account",
    suspend="Suspend",
    suspend_hint="A suspended user cannot log in. All sessions end at once, here and at the sites that used them.",
    resume="Resume",
    resume_hint="The user could log in again. Sessions that have ended stay ended.",
    remove="Remove",
    remove_device="Remove {device}",
    yourself="This is your own account. Another administrator has to suspend or remove it.",
    this_device="this device",
    invite="Invite",
    invite_somebody="Invite somebody",
    invite_hint="You get a code with which this user sets up a device.",
    user_name="User name",
    good_for="The code is good for",
    one_hour="1 hour",
    hours="{count} hours",
    profile="Profile",
    profile_hint="What sites may learn of this user, if they ask and the user agrees.",
    name="Name",
    email="E-mail address",
    groups="Groups",
    groups_hint="One on each line.",
    save="Save",
    remove_user_title="Remove {user}?",
    remove_user_sure="The account goes with all devices, sessions, invitations and the profile. This cannot be undone: "
    "the user has to be invited and to set up every device again.",
    remove_device_title="Remove {device} of {user}?",
    remove_device_sure="The device never logs in again, and its sessions end. This cannot be undone: it has to be set "
    "up again, with a new code.",
    remove_yes="Remove for good",
    keep="Keep",
    invited_title="Code for {user}",
    invited_text="Good until {time}, for one device. Give it to nobody but this user, and not by a way that "
    "others can read.",
    invited_once="It is shown this one time. If it is lost, make another one.",
    said_suspended="The account is suspended.",
    said_resumed="The user can log in again.",
    said_removed="The account is removed.",
    said_device="The device is removed.",
    said_profile="The profile is saved.",
    said_again="Your login was more than a few minutes old. You have logged in again; nothing has been changed yet.",
    not_logged_in="You are not logged in.",
    logged_in_as="You are logged in as {user}.",
    no_such_page="There is no such page.",
    no_such_user="There is no such user.",
    refused="This was not done",
    own_account="You cannot suspend or remove your own account, or the device that you are using.",
    own_groups="You would not be an administrator any more. Another one has to do this.",
    over="This page is not of your session any more. Nothing was changed. Go back, and load it again.",
)

DE: Final = Texts(
    language="de",
    administration="Verwaltung",
    log_out="Abmelden",
    log_in="Anmelden",
    find="Einen Benutzer am Namen finden",
    search="Suchen",
    users="Benutzer",
    found="Benutzer mit „{text}“ im Namen",
    nobody="Da ist niemand.",
    next_page="Nächste Seite",
    first_page="Erste Seite",
    all_users="Alle Benutzer",
    one_device="1 Gerät",
    devices="{count} Geräte",
    devices_title="Geräte",
    no_devices="Keine Geräte",
    last_login="zuletzt angemeldet {time}",
    never="noch nie angemeldet",
    created="seit {time}",
    active="aktiv",
    suspended="stillgelegt",
    pending="noch nicht bestätigt",
    locked="gesperrt",
    attempts="{count} von 3 falschen PINs",
    account="Konto",
    suspend="Stilllegen",
    suspend_hint="Wer stillgelegt ist, kann sich nicht anmelden. Alle Sitzungen enden sofort, hier und auf den Seiten, "
    "auf denen sie galten.",
    resume="Wieder zulassen",
    resume_hint="Die Anmeldung ginge dann wieder. Beendete Sitzungen bleiben beendet.",
    remove="Entfernen",
    remove_device="{device} entfernen",
    yourself="Das ist Ihr eigenes Konto. Stilllegen oder entfernen muss es jemand anderes aus der Verwaltung.",
    this_device="dieses Gerät",
    invite="Einladen",
    invite_somebody="Jemanden einladen",
    invite_hint="Sie bekommen einen Code, mit dem ein Gerät eingerichtet wird.",
    user_name="Benutzername",
    good_for="Der Code gilt",
    one_hour="1 Stunde",
    hours="{count} Stunden",
    profile="Profil",
    profile_hint="Was andere Seiten erfahren können, wenn sie danach fragen und der Benutzer einwilligt.",
    name="Name",
    email="E-Mail-Adresse",
    groups="Gruppen",
    groups_hint="Eine in jeder Zeile.",
    save="Speichern",
    remove_user_title="{user} entfernen?",
    remove_user_sure="Das Konto geht mit allen Geräten, Sitzungen, Einladungen und dem Profil. Das lässt sich nicht "
    "rückgängig machen: Jedes Gerät muss nach einer neuen Einladung neu eingerichtet werden.",
    remove_device_title="{device} von {user} entfernen?",
    remove_device_sure="Das Gerät meldet sich nie wieder an, seine Sitzungen enden. Das lässt sich nicht rückgängig "
    "machen: Es muss mit einem neuen Code neu eingerichtet werden.",
    remove_yes="Endgültig entfernen",
    keep="Behalten",
    invited_title="Code für {user}",
    invited_text="Gültig bis {time}, für ein Gerät. Geben Sie ihn niemand anderem, und nicht auf einem Weg, auf dem "
    "Fremde mitlesen können.",
    invited_once="Er wird nur dieses eine Mal gezeigt. Ist er verloren, machen Sie einen neuen.",
    said_suspended="Das Konto ist stillgelegt.",
    said_resumed="Die Anmeldung geht wieder.",
    said_removed="Das Konto ist entfernt.",
    said_device="Das Gerät ist entfernt.",
    said_profile="Das Profil ist gespeichert.",
    said_again="Ihre Anmeldung war mehr als ein paar Minuten alt. Sie haben sich neu angemeldet; geändert ist noch "
    "nichts.",
    not_logged_in="Sie sind nicht angemeldet.",
    logged_in_as="Sie sind als {user} angemeldet.",
    no_such_page="Diese Seite gibt es nicht.",
    no_such_user="Diesen Benutzer gibt es nicht.",
    refused="Das ist nicht geschehen",
    own_account="Ihr eigenes Konto und das Gerät, an dem Sie sind, können Sie nicht stilllegen oder entfernen.",
    own_groups="Sie gehörten dann nicht mehr zur Verwaltung. Das muss jemand anderes von dort tun.",
    over="Diese Seite gehört nicht mehr zu Ihrer Sitzung. Geändert ist nichts. Gehen Sie zurück und laden Sie sie neu.",
)
LANGUAGES: Final = (EN, DE)


def texts_for(accepted: str) -> Texts:
    """The language that a browser likes best (the header Accept-Language) of those that there are; English if none."""
    liked: list[tuple[float, int, Texts]] = []
    for place, part in enumerate(accepted.split(",")[:32]):
        name, _, weight = part.partition(";")
        found = [texts for texts in LANGUAGES if texts.language == name.strip().lower().partition("-")[0]]
        liked += [(-_quality(weight), place, texts) for texts in found]
    return min(liked, key=lambda one: one[:2])[2] if liked else EN


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    try:
        return float(value) if name == "q" and len(value) <= 5 else 1.0
    except ValueError:
        return 0.0
