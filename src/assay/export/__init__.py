"""Writes scikit-learn's models as ONNX, in double precision throughout, and proves that they predict the same.

skl2onnx is not used: 1.20 computes in single precision, or its graphs do not load, fails on histogram boosting with
protobuf 7, and loses missing values in ordinal encoders and the categories of histogram boosting.
"""
