"""Numbers printed in the paper, for comparison.

*Deep Glacier Image Velocimetry* (Tlhomole, Piggott and Hughes, 2023) maps the real Mer de Glace.
"""

import pandas as pd

__all__ = ["FIGURE_2", "STAKES", "stakes_with_errors"]

#: Printed speed at three stakes from September 2020 to September 2021, m/yr. The paper does not
#: state their positions.
STAKES = pd.DataFrame(
    {
        "measured": [40.43, 31.46, 31.28],
        "horn-schunck": [35.93, 31.94, 31.14],
        "raft": [29.97, 25.09, 25.05],
    },
    index=["stake 1", "stake 3", "stake 4"],
)
#: RMS difference between network and label, m/yr, printed above the three tiles of figure 2.
FIGURE_2 = (2.18, 2.45, 2.71)


def stakes_with_errors() -> pd.DataFrame:
    """Tabulate the speeds at the stakes of the paper with the errors of its methods.

    Returns
    -------
    pandas.DataFrame
        Speed in m/yr, measured and by each method; the last row is the mean absolute error.
    """
    errors = STAKES.drop(columns="measured").sub(STAKES["measured"], axis=0).abs()
    mean = errors.mean().rename("mean absolute error")
    return pd.concat([STAKES, mean.to_frame().T])
