"""What people see of their opens in a browser."""
