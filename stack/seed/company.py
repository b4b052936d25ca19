"""The organisation itself: business units, staff, pick lists, legal entities."""

from demo.files import FOLDER
from demo.records import LegalEntity
from stack.client import Json
from stack.progress import Step
from stack.seed.context import Seeding
from stack.seed.letters import LETTERS

LOGO = FOLDER / "logo.png"
STATUS_LABEL = "STATUS_LABEL"


async def make_company(seeding: Seeding) -> None:
    """Find or make everything customers refer to."""
    company = seeding.demo.company
    lists = sum(map(len, company.pick_lists.values())) + len(company.status_labels)
    total = len(company.business_units) + len(seeding.demo.staff) + lists + len(company.legal_entities)
    step = seeding.steps.begin("Company", total)
    await _units(seeding, step)
    await _staff(seeding, step)
    await _choices(seeding, step)
    await _entities(seeding, step)


async def _units(seeding: Seeding, step: Step) -> None:
    found = await seeding.kith.nodes("businessUnits", "id name")
    seeding.units.update({unit["name"]: unit["id"] for unit in found})
    for unit in seeding.demo.company.business_units:
        if unit.name not in seeding.units:
            given = {"name": unit.name, "timeZone": unit.time_zone}
            payload = await seeding.kith.mutate(
                "createBusinessUnit", "CreateBusinessUnitInput", given, "businessUnit { id }"
            )
            seeding.units[unit.name] = payload["businessUnit"]["id"]
        step.advance()


async def _staff(seeding: Seeding, step: Step) -> None:
    found = await seeding.kith.nodes("users", "id email")
    seeding.users.update({user["email"]: user["id"] for user in found})
    for member in seeding.demo.staff:
        if member.email not in seeding.users:
            given = {
                "email": member.email,
                "name": member.name,
                "role": member.role,
                "password": seeding.staff_password,
                "unitIds": [seeding.units[name] for name in member.units],
            }
            payload = await seeding.kith.mutate("createUser", "CreateUserInput", given, "user { id }")
            seeding.users[member.email] = payload["user"]["id"]
            seeding.new_users.append(member.email)
        step.advance()


async def _choices(seeding: Seeding, step: Step) -> None:
    company = seeding.demo.company
    wanted: list[Json] = [
        {"list": which, "name": name} for which, names in company.pick_lists.items() for name in names
    ]
    wanted += [
        {"list": STATUS_LABEL, "name": label.name, "status": label.status} for label in company.status_labels
    ]
    for which in dict.fromkeys(choice["list"] for choice in wanted):
        for item in await seeding.kith.nodes("pickListItems", "id name", f"list: {which}"):
            seeding.choices[which, item["name"]] = item["id"]
    for choice in wanted:
        if (choice["list"], choice["name"]) not in seeding.choices:
            payload = await seeding.kith.mutate(
                "createPickListItem", "CreatePickListItemInput", choice, "item { id }"
            )
            seeding.choices[choice["list"], choice["name"]] = payload["item"]["id"]
        step.advance()


async def _entities(seeding: Seeding, step: Step) -> None:
    selection = "id name logoUrl emailTemplates { language }"
    found = {each["name"]: each for each in await seeding.kith.nodes("legalEntities", selection)}
    for entity in seeding.demo.company.legal_entities:
        there = found.get(entity.name) or await _entity(seeding, entity, selection)
        seeding.entities[entity.name] = there["id"]
        if there["logoUrl"] is None:
            await seeding.kith.upload("setEntityLogo", "SetEntityLogoInput", {"id": there["id"]}, LOGO)
        await _letters(seeding, there)
        step.advance()


async def _entity(seeding: Seeding, entity: LegalEntity, selection: str) -> Json:
    given = {
        "name": entity.name,
        "address": {
            "building": entity.address_building,
            "street": entity.address_street,
            "city": entity.address_city,
            "state": entity.address_state,
            "postcode": entity.address_postcode,
            "country": entity.address_country,
        },
        "bank": {"name": entity.bank_name, "iban": entity.iban, "bic": entity.bic},
        "registrationNumber": entity.registration_number,
        "vatId": entity.vat_id,
        "email": entity.email,
        "phone": entity.phone,
        "website": entity.website,
        "paymentInstructions": entity.payment_instructions,
        "footer": entity.footer,
        "currency": entity.currency,
        "language": entity.language,
        "timeZone": entity.time_zone,
        "paymentTermsDays": entity.payment_terms_days,
        "numberPattern": entity.number_pattern,
    }
    payload = await seeding.kith.mutate(
        "createLegalEntity", "CreateLegalEntityInput", given, f"legalEntity {{ {selection} }}"
    )
    made: Json = payload["legalEntity"]
    return made


async def _letters(seeding: Seeding, entity: Json) -> None:
    there = {template["language"] for template in entity["emailTemplates"]}
    for language, (subject, body) in LETTERS.items():
        if language not in there:
            given = {"legalEntityId": entity["id"], "language": language, "subject": subject, "body": body}
            await seeding.kith.mutate("setEmailTemplate", "SetEmailTemplateInput", given)
