"""A module of a team's own, as text: an estimator that no library has."""

MODULE = """
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class Own(RegressorMixin, BaseEstimator):
    factor = 2.0

    def fit(self, rows, _=None):
        self.feature_names_in_ = np.array(list(rows.columns), dtype=object)
        return self

    def predict(self, rows):
        return rows["visits"].to_numpy() * self.factor
"""
