"""What tests share: programs, brokers, serial lines, clients."""
