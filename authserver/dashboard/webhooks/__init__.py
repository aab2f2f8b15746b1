"""/webhooks: endpoints, their forms and their deliveries."""
