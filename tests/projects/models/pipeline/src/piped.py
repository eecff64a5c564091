from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def build(params):
    encoded = make_column_transformer(
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["region"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    return make_pipeline(encoded, LGBMClassifier(**params, n_jobs=1, verbose=-1))
