"""Parts of the vision group, one by one."""
