"""Matchers, one per module, with the interface of `gdiv.flow.matchers.registry.Matcher`."""
