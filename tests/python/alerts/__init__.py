"""What the tests of alerts share: a server that can be killed, a clock of events, and those who are told."""
