"""The component package: serves the platform's component to programs in every Pulumi language.

Pulumi installs the package and runs this module. A component that the module itself exported would be served without a
version and a namespace, so `__main__` serves it.
"""
