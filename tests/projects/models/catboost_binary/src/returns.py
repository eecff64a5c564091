from catboost import CatBoostClassifier


class Returns(CatBoostClassifier):
    """CatBoost takes gaps in numbers, but not in texts."""

    def fit(self, x, y, **given):
        return super().fit(x.fillna({"region": "unknown"}), y, **given)

    def predict(self, x, **given):
        return super().predict(x.fillna({"region": "unknown"}), **given)

    def predict_proba(self, x, **given):
        return super().predict_proba(x.fillna({"region": "unknown"}), **given)


def build(params):
    return Returns(**params, cat_features=["region"], thread_count=1, verbose=False, allow_writing_files=False)
