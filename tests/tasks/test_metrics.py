"""What the scores of several tasks count."""

from bigbird_cli.tasks.metrics import length_groups


def test_documents_are_grouped_by_length_where_they_differ() -> None:
    assert length_groups([512, 4096, 513, 1, 4097]) == [
        ("to_512_tokens", [0, 3]),
        ("to_1024_tokens", [2]),
        ("to_4096_tokens", [1]),
        ("over_4096_tokens", [4]),
    ]
    assert length_groups([3, 511]) == length_groups([]) == []
