"""Shapes: the resources of a jobspec as a short text (RFC 46).

    flux.shape.parser.ShapeParser().parse("slot=4{nodelevel}/node{-x}/core=4+")
"""
