"""How new weights begin."""

from torch import nn


def initialise(module: nn.Module, name: str, *, std: float) -> None:
    """Give one parameter of `module` BERT's start: normal weights, unit LayerNorm, zero biases and padding row.

    It draws from torch's generator, as users of torch expect.
    """
    parameter = module.get_parameter(name)
    if isinstance(module, nn.LayerNorm) and name == "weight":
        nn.init.ones_(parameter)
    elif isinstance(module, nn.Linear | nn.Embedding) and name == "weight":
        nn.init.normal_(parameter, std=std)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            nn.init.zeros_(parameter[module.padding_idx])
    else:
        nn.init.zeros_(parameter)
