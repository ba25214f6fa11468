"""What administrators do with people and tokens, and everybody with their own.

Pages and API share these: forms with their bounds, and the changes with their refusals.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from dashboard.access import GRANTS, PLANT_WIDE, Permission, Person
from dashboard.auth import normalise_actor
from dashboard.i18n import N_, Said
from dashboard.services import Services
from dashboard.settings import INVITATION_S
from hazard.store.accounts import Account, LastAdministrator, NameTaken, NoSuchAccount
from hazard.store.tokens import ApiToken, TooManyTokens
from hazard.types import Name, Role

REFUSED = {
    NameTaken: N_("This name is taken, or stands for a part of the program: choose another one."),
    NoSuchAccount: N_("There is no such person: load the list again."),
    LastAdministrator: N_(
        "This is the last administrator: make another person an administrator first."
    ),
    TooManyTokens: N_("This person has as many tokens as one may have: revoke one first."),
}
"""What the store refuses, in words that are translated."""
CONFLICTS = (NameTaken, LastAdministrator, TooManyTokens)


def _printable(text: str) -> str:
    """The text without control signs and doubled spaces."""
    return " ".join("".join(sign for sign in text if sign.isprintable()).split())


class RoleForm(BaseModel):
    """What somebody is to the plant, and where."""

    model_config = ConfigDict(extra="ignore")

    role: Role
    areas: Annotated[
        list[Name], Field(max_length=200, description="where the role holds; empty: everywhere")
    ] = []


class PersonForm(RoleForm):
    """A new person."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class TokenForm(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[
        str,
        StringConstraints(max_length=64),
        AfterValidator(_printable),
        StringConstraints(min_length=1),
    ] = Field(description="what it is for")
    scopes: Annotated[list[Permission], Field(min_length=1, max_length=len(Permission))]
    days: Annotated[int, Field(ge=1, le=366, description="after which it ends")] = 90


def granted(account: Account | Person) -> list[Permission]:
    """What the role may, in the order of the table; one for some areas manages nobody."""
    return [
        permission
        for permission in Permission
        if account.role in GRANTS[permission] and not (account.areas and permission in PLANT_WIDE)
    ]


def create_person(
    services: Services, by: Person, form: PersonForm
) -> tuple[Account, str, datetime]:
    """A new person, with the one-time code by which they set their password, and its end.

    Raises:
        Said: (a ValueError) if an area is not one of the site, or the name cannot be kept.
        NameTaken: (a StoreError) if the name is taken.
    """
    account = services.backend.people.accounts.create(
        normalise_actor(form.name),
        form.role,
        areas_of(services, form),
        by=by.name,
        now=services.now(),
    )
    code, ends_at = invite(services, by, account.account_id)
    return account, code, ends_at


def change_person(services: Services, by: Person, account_id: str, form: RoleForm) -> Account:
    """Another role or other areas.

    Raises:
        Said: (a ValueError) if an area is not one of the site.
        NoSuchAccount, LastAdministrator: (StoreErrors) see there.
    """
    return services.backend.people.accounts.change(
        account_id, form.role, areas_of(services, form), by=by.name, now=services.now()
    )


def invite(services: Services, by: Person, account_id: str) -> tuple[str, datetime]:
    """A one-time code by which the person sets a password, and its end; the old password is gone.

    Raises:
        NoSuchAccount: (a StoreError) if there is no such person.
    """
    now, lifetime = services.now(), timedelta(seconds=INVITATION_S)
    code = services.backend.people.logins.new_code(
        now, lifetime=lifetime, account_id=account_id, by=by.name
    )
    return code, now + lifetime


def create_token(
    services: Services, by: Person, account_id: str, form: TokenForm
) -> tuple[ApiToken, str]:
    """A new token of a person, and its text, which is shown this once.

    Raises:
        Said: (a ValueError) if the person's role does not have one of the scopes.
        NoSuchAccount, TooManyTokens: (StoreErrors) see there.
    """
    account = services.backend.people.accounts.get(account_id)
    beyond = [scope.value for scope in form.scopes if scope not in granted(account)]
    if beyond:
        raise Said(
            N_("The role of %(name)s does not have %(scopes)s: leave that out."),
            name=account.name,
            scopes=", ".join(beyond),
        )
    now = services.now()
    return services.backend.people.tokens.create(
        account,
        form.name,
        [scope.value for scope in Permission if scope in form.scopes],
        expires_at=now + timedelta(days=form.days),
        by=by.name,
        now=now,
    )


def areas_of(services: Services, form: RoleForm) -> list[str]:
    """The form's areas, in the order of the site.

    Raises:
        Said: (a ValueError) with the areas that it has.
    """
    known = services.site.areas
    for area in form.areas:
        if area not in known:
            raise Said(
                N_("There is no area %(area)s: the site has %(known)s."),
                area=area,
                known=", ".join(known),
            )
    return [area for area in known if area in form.areas]
