"""Notifications: people are told of alarms by mail, SMS gateway, chat or webhook."""
