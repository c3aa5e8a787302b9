"""Linear layers in 8-bit integers, for prediction on a processor: weights once, inputs as they come.

Each row of weights, and each token, is scaled by its own largest number: a document's result does not depend on its
neighbours. Products are oneDNN's, exact in 32-bit integers; only the rounding to 8 bits costs accuracy.

Shape letters: T tokens, D width, F features.
"""

from typing import get_args

import torch
from torch import Tensor, nn

from bigbird_cli.choices import Quantize
from bigbird_cli.errors import UsageError
from bigbird_cli.pytorch.model.activations import Activation
from bigbird_cli.pytorch.model.layers import Linear
from bigbird_cli.pytorch.model.pretrained import PretrainedModel

MODES = get_args(Quantize)


class Int8Linear(nn.Module):
    """What `Linear` computes but for rounding, from a Linear; it cannot be trained or saved."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        weight_FD = linear.weight.detach()
        scale_F = weight_FD.abs().amax(dim=1).clamp(min=torch.finfo(weight_FD.dtype).tiny) / 127
        rounded_FD = (weight_FD / scale_F[:, None]).round().to(torch.int8)
        self.n_features = weight_FD.shape[0]
        self.bias = torch.zeros(self.n_features) if linear.bias is None else linear.bias.detach()
        self._packed = torch.ops.onednn.qlinear_prepack(rounded_FD, None)
        self._scale_F = scale_F
        self._zeros_F = torch.zeros(self.n_features, dtype=torch.int32)
        # Without VNNI, pairs of products are summed in 16 bits, where two of 255 x 127 would not fit.
        self._steps = 127 if torch.cpu._is_vnni_supported() else 63
        self._zero = torch.tensor([self._steps + 1], dtype=torch.int32)
        self._one = torch.tensor([1.0 / self._steps])
        self._middle = torch.tensor(self._steps + 1.5)  # cut to integers, a half more rounds

    def forward(self, input: Tensor, *, act: Activation | None = None, plus: Tensor | None = None) -> Tensor:
        x_TD = input.flatten(0, -2)
        # several times quicker than the norm that it is
        largest_T1 = torch.maximum(x_TD.amax(dim=1, keepdim=True), -x_TD.amin(dim=1, keepdim=True))
        largest_T1 = largest_T1.clamp_(min=torch.finfo(x_TD.dtype).tiny)
        x_TD = torch.addcmul(self._middle, x_TD, self._steps / largest_T1).to(torch.uint8)
        y_TF = torch.ops.onednn.qlinear_pointwise(
            x_TD, self._one, self._zero, self._packed, self._scale_F, self._zeros_F, None, 1.0, 0, torch.float32,
            "none", [], "",
        )  # fmt: skip
        y: Tensor = torch.addcmul(self.bias, y_TF, largest_T1).unflatten(0, input.shape[:-1])
        if act is not None:
            y = act(y)
        return y if plus is None else y + plus


def quantise(model: PretrainedModel, mode: str, *, device: torch.device) -> None:
    """Let the encoder of a model in evaluation compute its products in 8 bits; what its heads compute stays as it is.

    Raises:
        UsageError: no mode has this name, or the device is no processor that can.
    """
    if mode not in MODES:
        raise UsageError(f"there is no {mode!r}", where="quantize", fix=f"use {' or '.join(MODES)}")
    if device.type != "cpu":
        raise UsageError(f"int8 is for processors, not for {device}", where="quantize", fix='add device="cpu"')
    if not hasattr(torch.ops.onednn, "qlinear_prepack"):
        raise UsageError("this build of PyTorch has no int8 products", where="quantize", fix="leave it out")
    for module in list(model.get_submodule(f"{model.prefix}encoder").modules()):
        for name, child in list(module.named_children()):
            if type(child) is Linear:
                setattr(module, name, Int8Linear(child))
