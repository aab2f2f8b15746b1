"""What tests share: databases, the cast, a browser without a screen."""
