"""Position vectors for longer inputs than a model was trained on."""

import numpy as np


def tiled(positions_PD: np.ndarray, n_positions: int) -> np.ndarray:
    """Repeat a table of position vectors up to n_positions rows: each stretch starts out with vectors that are known.

    Source: Beltagy et al., 2020, arXiv:2004.05150, section 5.
    """
    return positions_PD[np.arange(n_positions) % len(positions_PD)]
