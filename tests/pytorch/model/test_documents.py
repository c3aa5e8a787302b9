"""Documents of a batch are sorted by their own length, whatever stands beside them."""

from collections.abc import Sequence

import torch

from bigbird_cli.pytorch.model.documents import Group, group_documents


def sort(is_token: torch.Tensor | None, *, shape: tuple[int, int], **changes: object) -> list[Group]:
    settings: dict = {
        "batch_size": shape[0],
        "n_tokens": shape[1],
        "block_size": 4,
        "full_attention_limit": 28,
        "attention_type": "block_sparse",
        "alike": False,
        "dense_step": shape[1],
        "device": torch.device("cpu"),
    }
    return group_documents(is_token, **{**settings, **changes})


def groups(lengths: list[int], *, width: int, **changes: object) -> list[Group]:
    is_token = torch.arange(width) < torch.tensor(lengths)[:, None]
    return sort(is_token, shape=(len(lengths), width), **changes)


def summary(found: list[Group]) -> dict[tuple[str, int], Sequence[int] | None]:
    return {(g.kernel, g.n_tokens): g.rows for g in found}


def test_documents_of_as_many_blocks_share_a_kernel_call() -> None:
    assert summary(groups([5, 28, 29, 32, 33, 64], width=70)) == {
        ("dense", 28): [0, 1],
        ("gather", 32): [2, 3],
        ("gather", 36): [4],
        ("gather", 64): [5],
    }


def test_a_mask_is_cut_and_filled_to_the_groups_length() -> None:
    found = {g.n_tokens: g.is_token for g in groups([28, 29, 31], width=31)}
    assert found[28] is None  # every position is a token
    assert found[32] is not None
    assert found[32].sum(dim=1).tolist() == [29, 31]
    assert found[32].shape == (2, 32)


def test_one_group_of_the_whole_batch_needs_no_indices() -> None:
    assert summary(groups([40, 38], width=40)) == {("gather", 40): None}
    assert summary(groups([40, 9], width=40, attention_type="original_full")) == {("dense", 40): None}


def test_alike_gives_every_document_the_batchs_length_as_transformers_does() -> None:
    assert summary(groups([5, 64], width=64, alike=True)) == {("gather", 64): None}
    assert summary(groups([5, 28], width=28, alike=True)) == {("dense", 28): None}


def test_without_a_mask_the_last_block_may_be_open() -> None:
    (group,) = sort(None, shape=(2, 30))
    assert (group.n_tokens, group.rows) == (32, None)
    assert group.is_token is not None
    assert group.is_token.sum(dim=1).tolist() == [30, 30]


def test_a_document_ends_after_its_last_token_even_if_others_before_are_masked() -> None:
    is_token = torch.ones(1, 40, dtype=torch.bool)
    is_token[0, 10:20] = False
    is_token[0, 37:] = False
    (group,) = sort(is_token, shape=(1, 40))
    assert group.n_tokens == 40
    assert group.is_token is not None
    assert group.is_token[0].tolist() == is_token[0].tolist()
