"""The proof that nothing changed is worth something: a change of one value is seen."""

from factories import make_customer

from tests.e2e.snapshot import snapshot


async def test_a_snapshot_sees_one_changed_value_and_one_new_row(db: None) -> None:
    customer = await make_customer()
    first = await snapshot()
    assert first == await snapshot()

    await type(customer).filter(id=customer.id).update(website="https://another.example")
    second = await snapshot()
    await make_customer(unit=await customer.unit)
    third = await snapshot()

    changed = {name for name in second if second[name] != first[name]}
    assert changed == {"customer", "customer_letters"}  # a trigger keeps what filters look in
    assert third["customer"][0] == second["customer"][0] + 1
