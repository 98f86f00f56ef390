"""`python -m notification_cli`."""

from notification_cli.app import main

if __name__ == "__main__":
    main()
