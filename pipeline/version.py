"""The product's name and version: the one place, which the build reads, too."""

NAME = "nightly-scoring"
VERSION = "0.1.0"
