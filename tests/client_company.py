"""The small company that the published clients of tests/clients work with."""

from dataclasses import dataclass

from factories import PASSWORD, Person, make_contact, make_customer, make_unit, make_user
from kith_client import Kith

from crm.accounts.models import BusinessUnit
from crm.accounts.passwords import pool
from crm.customers.models import Customer
from crm.kernel.actor import Role
from crm.kernel.ids import Kind, encode

NAMES = ["Alster", "Bille", "Dove", "Este"]


@dataclass(frozen=True, slots=True)
class Company:
    """A manager, who can log in by PASSWORD, and the customers of the unit; the first has a contact."""

    unit: BusinessUnit
    manager: Person
    customers: list[Customer]

    @property
    def unit_id(self) -> str:
        return encode(Kind.BUSINESS_UNIT, self.unit.id)

    @property
    def customer_id(self) -> str:
        return encode(Kind.CUSTOMER, self.customers[0].id)

    @property
    def topic(self) -> str:
        """Where Redis tells of the first customer's changes."""
        return f"customer:{self.customers[0].id.hex}"

    async def rename_customer(self, server: str, name: str) -> None:
        """What a colleague does meanwhile to the first customer."""
        version = (await Customer.get(id=self.customers[0].id)).version
        given = {"id": self.customer_id, "expectedVersion": version, "name": name}
        kith = Kith(server, self.manager.token)
        payload = await kith.mutate("updateCustomer", "UpdateCustomerInput", "", given)
        assert payload["errors"] == []


async def make_company() -> Company:
    unit = await make_unit(name="North")
    manager = await make_user(Role.MANAGER, [unit], password_hash=await pool().hash(PASSWORD))
    customers = [await make_customer(unit=unit, name=name) for name in NAMES]
    await make_contact(customers[0], name="Ada")
    return Company(unit, manager, customers)
