"""The screens: each is a Python file beside a ``.tcss`` of the same name, where it needs one."""
