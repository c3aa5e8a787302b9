"""Token, position and type embeddings, summed.

Shape letters: B documents, S sequence, D width.
"""

import torch
from torch import Tensor, nn

from bigbird_cli.errors import ModelError
from bigbird_cli.pytorch.model.dropout import Dropout
from bigbird_cli.pytorch.model.layers import Embedding


class Embeddings(nn.Module):
    """Sum of word, token-type and learned absolute position vectors, then dropout, then LayerNorm.

    Dropout stands before the LayerNorm, where the pretraining code has it (BERT's stands behind).
    """

    def __init__(
        self,
        *,
        vocab_size: int,
        max_positions: int,
        n_types: int,
        width: int,
        padding_id: int | None,
        rescale: bool,
        dropout: float,
        norm_eps: float,
    ) -> None:
        super().__init__()
        self.word_embeddings = Embedding(vocab_size, width, padding_idx=padding_id)
        self.position_embeddings = Embedding(max_positions, width)
        self.token_type_embeddings = Embedding(n_types, width)
        self.LayerNorm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = Dropout(dropout)
        self.scale = width**0.5 if rescale else 1.0

    def forward(
        self,
        ids_BS: Tensor | None,
        types_BS: Tensor | None,
        positions_BS: Tensor | None,
        words_BSD: Tensor | None,
        *,
        n_before: int = 0,
    ) -> Tensor:
        """Embed ids, or the word vectors given instead.

        Types default to 0, positions to the S that follow `n_before` cached tokens.

        Raises:
            ModelError: a document is longer than there are positions, or an id is out of range.
        """
        if words_BSD is None:
            words_BSD = _looked_up(self.word_embeddings, ids_BS, "input_ids", "vocab_size")
        x_BSD = words_BSD * self.scale if self.scale != 1.0 else words_BSD
        n_tokens, n_positions = x_BSD.shape[1], self.position_embeddings.num_embeddings
        if positions_BS is None:
            if n_before + n_tokens > n_positions:
                raise ModelError(
                    f"an input of {n_before + n_tokens} tokens is longer than the model's {n_positions} positions",
                    fix="read it in windows (bigbird qa does), or extend the positions with "
                    "bigbird convert --max-positions",
                )
            x_BSD = x_BSD + self.position_embeddings.weight[n_before : n_before + n_tokens]
        else:
            x_BSD = x_BSD + _looked_up(
                self.position_embeddings, positions_BS, "position_ids", "max_position_embeddings"
            )
        if types_BS is None:
            x_BSD = x_BSD + self.token_type_embeddings.weight[0]
        else:
            types_BS = types_BS.to(torch.long)
            x_BSD = x_BSD + _looked_up(self.token_type_embeddings, types_BS, "token_type_ids", "type_vocab_size")
        normed_BSD: Tensor = self.LayerNorm(self.dropout(x_BSD))
        return normed_BSD


def _looked_up(table: nn.Embedding, ids_BS: Tensor | None, name: str, size_name: str) -> Tensor:
    """The vectors of ids, (B, S, D).

    Raises:
        ModelError: an id is out of range. On a processor only: a GPU stops the whole program, with a message of its
            own, and to look at the ids first would be to wait for it at each call.
    """
    try:
        vectors_BSD: Tensor = table(ids_BS)
    except IndexError:
        assert ids_BS is not None
        n_rows = table.num_embeddings
        is_wrong_BS = (ids_BS < 0) | (ids_BS >= n_rows)
        raise ModelError(
            f"{name} hold {ids_BS[is_wrong_BS][0].item()}, but the model's {size_name} is {n_rows}",
            fix="use the tokenizer that belongs to the model, or model.resize_token_embeddings(len(tokenizer)) for "
            "tokens that were added to it"
            if name == "input_ids"
            else f"they must be from 0 to {n_rows - 1}",
        ) from None
    return vectors_BSD
