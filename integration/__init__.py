"""Tests and a demonstration on real kernels, in network namespaces of their own."""
