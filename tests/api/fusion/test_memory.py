"""What is remembered, and what is forgotten first."""

from api.fusion.memory import Memory


def test_what_was_asked_for_goes_last() -> None:
    memory: Memory[int] = Memory(4)
    for key in range(4):
        memory[key] = key
    assert memory.get(0) == 0

    memory[4] = 4

    assert [memory.get(key) for key in range(5)] == [0, None, 2, 3, 4]


def test_what_is_told_anew_goes_last_and_what_is_forgotten_first() -> None:
    memory: Memory[str] = Memory(2)
    memory["a"], memory["b"], memory["a"] = "1", "2", "3"
    memory["c"] = "4"
    assert ("b" in memory, memory.get("a"), len(memory)) == (False, "3", 2)

    memory.forget("a")
    memory.forget("nobody")

    assert (memory.get("a"), len(memory)) == (None, 1)
