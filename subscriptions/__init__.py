"""What is pushed to clients: changes of groups, contacts and bulk actions, followed live by the watchers of this process."""
